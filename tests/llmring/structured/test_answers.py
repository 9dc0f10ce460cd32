"""Structured answers of a ring, whole and streamed."""

from __future__ import annotations

import asyncio
import json
import traceback
from typing import Any

import pytest
from pydantic import BaseModel

from llmring import LLMRequest, LLMResponse, LLMRing
from llmring.exceptions import AnswerValidationError, ProviderRequestError, ValidationError
from tests.llmring.rings import KEY, answer_to, chunks_of, request, with_ring
from tests.llmring.structured.answers import MODELS, saying
from tests.llmring.structured.schemas import PERSON
from tests.remote.scripted_server import ScriptedServer


class Person(BaseModel):
    name: str
    age: int


STRICT = {
    "type": "json_schema",
    "json_schema": {"name": "person", "schema": PERSON},
    "strict": True,
}


# What a tool is called with is always JSON, and tests of the tool are elsewhere.
@pytest.fixture(params=[name for name in MODELS if name != "claude 3"])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def last_of(server: ScriptedServer, asked: LLMRequest, streamed: bool) -> Any:
    return chunks_of(server, asked)[-1] if streamed else answer_to(server, asked)


def test_a_class_gives_its_object(provider: str, streamed: bool) -> None:
    with ScriptedServer((saying(provider, '{"name": "Ada", "age": 36}'),)) as server:
        asked = request(MODELS[provider], response_format=Person)
        assert last_of(server, asked, streamed).parsed == Person(name="Ada", age=36)


def test_json_mode_gives_the_value(provider: str, streamed: bool) -> None:
    with ScriptedServer((saying(provider, '{"x": [1, null]}'),)) as server:
        asked = request(MODELS[provider], json_response=True)
        assert last_of(server, asked, streamed).parsed == {"x": [1, None]}


def test_an_answer_that_does_not_fit_is_raised(provider: str, streamed: bool) -> None:
    with ScriptedServer((saying(provider, '{"name": "Ada", "age": "x"}'),)) as server:
        asked = request(MODELS[provider], response_format=STRICT)
        with pytest.raises(AnswerValidationError, match=r"at \$\.age: 'x' is not of") as caught:
            last_of(server, asked, streamed)
    error = caught.value
    assert error.body == '{"name": "Ada", "age": "x"}'
    assert (error.provider, error.model) == (provider, MODELS[provider])
    assert error.details["attempts"][-1]["outcome"] == "answered"
    assert error.details["usage"]["total_tokens"] > 0
    assert error.root_cause is error
    assert len(server.requests) == 1
    assert "Hello!" not in str(vars(error))


@pytest.mark.parametrize("response_format", [STRICT, Person], ids=["schema", "class"])
@pytest.mark.parametrize(
    "name",
    [KEY, f"{'x' * 30}{KEY}{'x' * 60}", "sk\\u002dtest-1234"],
    ids=["plain", "cut in the quote", "escaped"],
)
def test_an_answer_that_quotes_the_key_is_told_without_it(
    provider: str, response_format: Any, name: str
) -> None:
    text = f'{{"name": ["{name}"], "age": 1}}'
    with ScriptedServer((saying(provider, text),)) as server:
        asked = request(MODELS[provider], response_format=response_format)
        with pytest.raises(AnswerValidationError) as caught:
            chunks_of(server, asked)
    told = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert KEY not in told
    assert "sk-te" not in told


def test_a_cut_answer_says_so(provider: str, streamed: bool) -> None:
    with ScriptedServer((saying(provider, '{"name": "Ad', was_cut=True),)) as server:
        asked = request(MODELS[provider], response_format=STRICT)
        with pytest.raises(AnswerValidationError, match="it was cut at max_tokens") as caught:
            last_of(server, asked, streamed)
    assert caught.value.code == "length"


def test_a_schema_that_is_none_is_refused_before_anything_is_sent(provider: str) -> None:
    wrong = {"type": "json_schema", "json_schema": {"name": "p", "schema": {"type": "strin"}}}
    with ScriptedServer((saying(provider, "{}"),)) as server:
        with pytest.raises(ValidationError, match=r"\$\.type is 'strin'"):
            answer_to(server, request(MODELS[provider], response_format=wrong))
        assert server.requests == []


def test_the_pieces_of_a_stream_add_up_to_what_the_model_wrote(provider: str) -> None:
    text = '{"name": "Ada", "age": 36, "email": null}'

    async def read(ring: LLMRing) -> tuple[str, LLMResponse]:
        stream = ring.chat_stream(request(MODELS[provider], response_format=STRICT))
        said = "".join([chunk.delta async for chunk in stream])
        return said, await stream.response

    with ScriptedServer((saying(provider, text),)) as server:
        said, response = with_ring(server, provider, read)
    assert said == text
    assert json.loads(response.content) == response.parsed == {"name": "Ada", "age": 36}


LOCAL: dict[str, tuple[Any, type]] = {
    "seed 001": (STRICT, dict),
    "class": (Person, Person),
    "object": ({"type": "json_object"}, dict),
    "list": (
        {
            "type": "json_schema",
            "json_schema": {
                "schema": {"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True,
                           "maxItems": 1}
            },
            "strict": True,
        },
        list,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def local() -> Any:
    """Ask a local model, which is loaded once."""
    with asyncio.Runner() as runner:
        ring = LLMRing()

        async def ask(asked: LLMRequest, streamed: bool) -> Any:
            if not streamed:
                return await ring.chat(asked)
            return [chunk async for chunk in ring.chat_stream(asked)][-1]

        yield lambda asked, streamed: runner.run(ask(asked, streamed))
        runner.run(ring.close())


@pytest.mark.parametrize("name", LOCAL)
def test_a_local_model_is_held_to_any_form(local: Any, streamed: bool, name: str) -> None:
    wanted, kind = LOCAL[name]
    asked = request("local:tiny", response_format=wanted, max_tokens=200, temperature=0.0)
    assert isinstance(local(asked, streamed).parsed, kind)


def test_a_local_model_says_what_it_cannot_be_held_to(local: Any) -> None:
    many = {"type": "json_schema", "json_schema": {"schema": {"enum": list(range(1001))}}}
    with pytest.raises(ProviderRequestError, match="enum must be a list of 1 to 1,000"):
        local(request("local:tiny", response_format=many), False)
