"""What a request's `response_format` asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from cloud.llm import ChatResponse, JSONSchema, ToolCall
from LLM.exceptions import InvalidRequestError, LLMContentFilterError, LLMResponseError
from llmring import LLMRequest, Message
from llmring.exceptions import AnswerValidationError, ProviderAnswerError, ValidationError
from llmring.structured.formats import AnswerFormat, answer_format
from tests.llmring.structured.schemas import PERSON


class Person(BaseModel):
    name: str
    age: int = 0


class Odd(BaseModel):
    call: Callable[[], None]


def wanted(response_format: Any, **fields: Any) -> AnswerFormat | None:
    message = Message(role="user", content="Hello!")
    return answer_format(LLMRequest(messages=[message], response_format=response_format, **fields))


def asked(response_format: Any, **fields: Any) -> AnswerFormat:
    found = wanted(response_format, **fields)
    assert found is not None
    return found


def schema_format(schema: Any = PERSON, **beside: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "p", "schema": schema}, **beside}


@pytest.mark.parametrize(
    ("response_format", "strict"),
    [
        (schema_format(strict=True), True),
        (schema_format(), False),
        (schema_format(strict=False), False),
        (schema_format(strict=None), False),
        ({"type": "json_schema", "json_schema": {"schema": PERSON, "strict": True}}, True),
        ({"type": "json_schema", "name": "p", "schema": PERSON, "strict": True}, True),
        ({"type": "json_object", "schema": PERSON}, False),
    ],
    ids=["beside", "unsaid", "no", "none", "inside", "responses", "llama.cpp"],
)  # fmt: skip
def test_a_schema_is_found_in_each_of_its_forms(response_format: Any, strict: bool) -> None:
    found = asked(response_format)
    assert isinstance(found.asked, JSONSchema)
    assert found.asked.schema == PERSON
    assert found.strict is found.asked.strict is strict


def test_a_class_is_asked_for_by_its_schema() -> None:
    found = asked(Person)
    assert isinstance(found.asked, JSONSchema)
    assert (found.asked.name, found.strict, found.model) == ("Person", True, Person)
    assert found.asked.schema == Person.model_json_schema()


@pytest.mark.parametrize("strict", [True, False])
def test_a_json_schema_of_cloud_llm_is_taken_as_it_is(strict: bool) -> None:
    given = JSONSchema(PERSON, "p", strict=strict)
    found = asked(given)
    assert found.asked is given
    assert found.strict is strict
    assert asked(given) is found


def test_any_json_object_may_be_asked_for() -> None:
    assert asked({"type": "json_object"}).asked == {"type": "json_object"}
    assert asked(None, json_response=True).asked == {"type": "json_object"}
    assert asked(Person, json_response=True).model is Person


def test_text_is_no_format() -> None:
    assert wanted({"type": "text"}) is None
    assert wanted(None) is wanted(None, json_response=False) is None


def test_other_forms_go_to_the_provider_as_they_are() -> None:
    found = asked({"type": "regex", "regex": "a+"})
    assert found.asked == {"type": "regex", "regex": "a+"}
    assert found.parsed(ChatResponse(content="5", model="m")) is None


def test_the_same_schema_is_made_once() -> None:
    assert asked(schema_format(strict=True)) is asked(schema_format({**PERSON}, strict=True))
    assert asked(Person) is asked(Person)
    huge = {"type": "object", "description": "x" * (256 << 10)}
    assert asked(schema_format(huge)) is not asked(schema_format(huge))


@pytest.mark.parametrize(
    ("response_format", "problem"),
    [
        ({}, "response_format has no 'type'; give a pydantic class, or"),
        ({"type": "json_schema"}, "response_format has no schema; give"),
        (schema_format(strict="yes"), "response_format has strict='yes'; give true or false"),
        (schema_format(5), "cannot be asked for: the JSON schema is a int; give a dict"),
        (schema_format({"type": "strin"}), r"schema is none: \$\.type is 'strin'; it must"),
        (schema_format({"const": object()}), "has a schema that cannot be written as JSON: "),
        (schema_format({"pattern": "(?=x)"}, strict=True),
         r"cannot be strict: \$\.pattern is '\(\?=x\)', which cannot be checked here: look-around"),
        (schema_format({"unevaluatedItems": False}, strict=True), "cannot be strict: .* use items"),
        (JSONSchema({"unevaluatedItems": False}), "cannot be strict: .* use items"),
        (Odd, "response_format is the class Odd, which has no JSON schema: Cannot generate a Json"),
    ],
    ids=["no type", "no schema", "strict", "a number", "a type", "no JSON", "pattern", "keyword",
         "of cloud.llm", "class"],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_told_before_anything_is_sent(
    response_format: Any, problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem) as caught:
        wanted(response_format)
    assert isinstance(caught.value, InvalidRequestError)
    assert caught.value.code == "invalid_schema"


def test_what_only_strictness_forbids_may_be_asked_for_without() -> None:
    assert asked(schema_format({"pattern": "(?=x)"})).strict is False


def answer(content: str, **fields: Any) -> ChatResponse:
    return ChatResponse(content=content, model="m", **fields)


@pytest.mark.parametrize(
    "response_format",
    [schema_format(strict=True), {"type": "json_object", "strict": True}, Person],
    ids=["schema", "object", "class"],
)
@pytest.mark.parametrize("content", ["[1]", "no", "", '{"name": "A", '], ids=repr)
def test_an_answer_that_must_fit_and_does_not_is_an_error(
    response_format: Any, content: str
) -> None:
    with pytest.raises(AnswerValidationError, match="does not fit") as caught:
        asked(response_format).parsed(answer(content))
    assert isinstance(caught.value, ValidationError | ProviderAnswerError | LLMResponseError)
    assert (caught.value.body, caught.value.code) == (content, "schema_mismatch")


def test_the_error_says_where_and_that_the_answer_was_cut() -> None:
    found = asked(schema_format(strict=True))
    with pytest.raises(
        AnswerValidationError, match=r"at \$\.age: 'x' is not of type 'integer'; its"
    ):
        found.parsed(answer('{"name": "A", "age": "x"}'))
    for one in (found, asked(Person)):
        with pytest.raises(AnswerValidationError, match="it was cut at max_tokens") as caught:
            one.parsed(answer('{"name": "A", "a', finish_reason="length"))
        assert caught.value.code == "length"


def test_a_filtered_answer_is_told_as_such() -> None:
    for one in (schema_format(strict=True), Person):
        with pytest.raises(LLMContentFilterError, match="the content filter cut the answer"):
            asked(one).parsed(answer('{"name": "A", "a', finish_reason="content_filter"))


@pytest.mark.parametrize("response_format", [schema_format(), {"type": "json_object"}])
def test_an_answer_that_need_not_fit_has_no_value_if_it_is_no_json(response_format: Any) -> None:
    assert asked(response_format).parsed(answer("no")) is None
    assert asked(response_format).parsed(answer("[1]")) == [1]


@pytest.mark.parametrize(
    "fields",
    [{"refusal": "I will not."}, {"tool_calls": [ToolCall("1", "f", "{}")]}],
    ids=["refusal", "call"],
)
@pytest.mark.parametrize("response_format", [schema_format(strict=True), Person])
def test_refusals_and_tool_calls_have_no_value(response_format: Any, fields: Any) -> None:
    assert asked(response_format).parsed(answer("", **fields)) is None


def test_the_content_becomes_the_values_own_text() -> None:
    response = answer('```json\n{"name":"A","age":1,"email":null}\n```')
    assert asked(schema_format(strict=True)).parsed(response) == {"name": "A", "age": 1}
    assert response.content == '{"name":"A","age":1}'
    response = answer('Sure:\n```\n{"x": 1}\n```')
    assert asked({"type": "json_object"}).parsed(response) == {"x": 1}
    assert response.content == '{"x": 1}'


def test_a_class_takes_its_default_for_a_null_that_stands_for_none() -> None:
    response = answer('{"name": "A", "age": null}')
    assert asked(Person).parsed(response) == Person(name="A", age=0)
