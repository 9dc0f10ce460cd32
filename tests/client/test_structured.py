"""A pydantic class as `response_format`: the schema that is asked for, the object that comes."""

from __future__ import annotations

import enum

import pytest
from pydantic import BaseModel, Field

from LLM import Choice, LLMContentFilterError, LLMResponseError
from LLM.structured import is_model_class, parse_choices, response_format_of


class City(BaseModel):
    name: str
    default: int = 3


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Person(BaseModel):
    name: str = Field(description="full name")
    age: int | None = None
    home: City = Field(description="where they live")
    others: list[City] = []
    mood: Mood = Mood.GOOD


def choice(content: str | None, finish_reason: str = "stop", **message: object) -> Choice:
    return Choice.model_validate(
        {"message": {"content": content, **message}, "finish_reason": finish_reason}
    )


def test_the_schema_is_strict_throughout() -> None:
    made = response_format_of(Person)["json_schema"]
    schema = made["schema"]
    assert made["strict"] is True
    assert schema["required"] == ["name", "age", "home", "others", "mood"]
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["City"]["required"] == ["name", "default"]
    home = {"anyOf": [{"$ref": "#/$defs/City"}], "description": "where they live"}
    assert schema["properties"]["home"] == home
    assert "default" not in schema["properties"]["age"]


def test_the_name_is_one_that_providers_take() -> None:
    made = response_format_of(type("Węzeł[int]", (BaseModel,), {}))
    assert made["json_schema"]["name"] == "W_ze_int_"
    assert made["json_schema"]["strict"] is True


def test_only_model_classes_are_classes_to_parse() -> None:
    assert [is_model_class(v) for v in (Person, Person.model_construct(), dict, None)] == [
        True, False, False, False,
    ]  # fmt: skip


def test_each_content_becomes_its_object() -> None:
    choices = [choice('{"name": "Rome"}'), choice('{"name": "Oslo", "default": 1}')]
    parse_choices(choices, City)
    assert [c.message.parsed for c in choices] == [City(name="Rome"), City(name="Oslo", default=1)]


@pytest.mark.parametrize(
    "answer",
    [choice(None, refusal="no"), choice(None, tool_calls=[{"function": {"name": "f"}}])],
    ids=["refusal", "tool-call"],
)
def test_refusals_and_calls_have_nothing_to_parse(answer: Choice) -> None:
    parse_choices([answer], City)
    assert answer.message.parsed is None


def test_a_misfit_says_where_and_keeps_the_text() -> None:
    with pytest.raises(LLMResponseError, match=r"does not fit City: .*integer.* 'default'") as e:
        parse_choices([choice('{"name": "Rome", "default": "x"}')], City)
    assert e.value.body == '{"name": "Rome", "default": "x"}'
    assert e.value.code == "schema_mismatch"


def test_an_answer_cut_at_max_tokens_says_so() -> None:
    with pytest.raises(LLMResponseError, match="cut at max_tokens") as caught:
        parse_choices([choice('{"name": "Ro', finish_reason="length")], City)
    assert caught.value.code == "length"


def test_an_answer_cut_by_the_content_filter_says_so() -> None:
    with pytest.raises(LLMContentFilterError):
        parse_choices([choice("", finish_reason="content_filter")], City)
