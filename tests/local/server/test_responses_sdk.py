"""OpenAI's own client on the Responses API, checking every answer against its types."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import openai
import pytest
from openai.types.responses import Response, ResponseFunctionToolCall
from pydantic import BaseModel, Field

from local_llm_kit.server import LocalServer
from tests.local.server.responses_support import TOOL

pytestmark = pytest.mark.slow


class Person(BaseModel):
    name: str = Field(max_length=12)
    age: int


@pytest.fixture(scope="module")
def sdk(server: LocalServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{server.url}/v1",
        api_key="none",
        max_retries=0,
        _strict_response_validation=True,
    ) as sdk:
        yield sdk


def test_it_needs_no_arguments(sdk: openai.OpenAI) -> None:
    response = sdk.responses.create()
    assert isinstance(response, Response)
    assert response.output


def test_it_creates_retrieves_lists_and_deletes(sdk: openai.OpenAI) -> None:
    response = sdk.responses.create(model="gpt-5", input="Hello!", temperature=0)
    assert response.output_text
    assert sdk.responses.retrieve(response.id) == response
    (item,) = sdk.responses.input_items.list(response.id)
    assert item.type == "message"
    sdk.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(response.id)


def test_it_streams_what_it_creates(sdk: openai.OpenAI) -> None:
    whole = sdk.responses.create(model="gpt-5", input="Hello!", temperature=0)
    with sdk.responses.create(model="gpt-5", input="Hello!", temperature=0, stream=True) as stream:
        events = list(stream)
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert text == whole.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_its_stream_helper_gives_the_final_response(sdk: openai.OpenAI) -> None:
    with sdk.responses.stream(model="gpt-5", input="Hello!", temperature=0) as stream:
        text = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert final.output_text == text
    assert sdk.responses.retrieve(final.id).output_text == text


def test_it_parses_a_class(sdk: openai.OpenAI) -> None:
    parsed = sdk.responses.parse(model="gpt-5", input="Ada is 36.", text_format=Person)
    assert isinstance(parsed.output_parsed, Person)
    with sdk.responses.stream(model="gpt-5", input="Ada is 36.", text_format=Person) as stream:
        assert isinstance(stream.get_final_response().output_parsed, Person)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_it_calls_a_tool_and_goes_on_with_its_result(sdk: openai.OpenAI, streamed: bool) -> None:
    question = "What is the weather in Paris?"
    if streamed:
        with sdk.responses.stream(
            model="gpt-5",
            input=question,
            tools=[TOOL],
            tool_choice="required",  # type: ignore[list-item]  # a dict
        ) as stream:
            first: Response = stream.get_final_response()
    else:
        first = sdk.responses.create(
            model="gpt-5",
            input=question,
            tools=[TOOL],
            tool_choice="required",  # type: ignore[list-item]  # a dict
        )
    call = first.output[0]
    assert isinstance(call, ResponseFunctionToolCall)
    assert json.loads(call.arguments).keys() == {"city"}
    second = sdk.responses.create(
        model="gpt-5",
        previous_response_id=first.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}],
    )
    assert second.output_text


def test_it_goes_on_with_the_output_as_input(sdk: openai.OpenAI) -> None:
    first = sdk.responses.create(model="gpt-5", input="Hello!")
    said = [item.model_dump(exclude_none=True) for item in first.output]
    second = sdk.responses.create(
        model="gpt-5",
        input=[*said, {"role": "user", "content": "Who are you?"}],  # type: ignore[list-item]  # dumped
    )
    assert second.output_text


def test_it_counts_tokens(sdk: openai.OpenAI) -> None:
    assert sdk.responses.input_tokens.count().input_tokens > 0
    counted = sdk.responses.input_tokens.count(model="gpt-5", input="Hello!")
    created = sdk.responses.create(model="gpt-5", input="Hello!", max_output_tokens=1)
    assert created.usage is not None
    assert counted.input_tokens == created.usage.input_tokens
    assert created.status == "incomplete"


def test_it_polls_and_cancels_what_is_in_the_background(sdk: openai.OpenAI) -> None:
    response = sdk.responses.create(model="gpt-5", input="Hello!", background=True)
    assert response.status == "queued"
    assert sdk.responses.cancel(response.id).status in ("cancelled", "completed")


def test_its_asynchronous_twin_streams(server: LocalServer) -> None:
    async def ask() -> str:
        async with (
            openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as sdk,
            sdk.responses.stream(model="gpt-5", input="Hello!") as stream,
        ):
            return (await stream.get_final_response()).output_text

    assert asyncio.run(ask())
