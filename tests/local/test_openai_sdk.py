"""OpenAI's own client, pointed at the server."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from local_llm_kit.server import LocalServer

pytestmark = pytest.mark.slow

HELLO: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Hello!"}]
TOOL: openai.types.chat.ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture(scope="module")
def sdk(server: LocalServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as sdk:
        yield sdk


def test_it_chats(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(model="gpt-4", messages=HELLO, temperature=0)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"


def test_it_streams_what_it_chats(sdk: openai.OpenAI) -> None:
    whole = sdk.chat.completions.create(model="gpt-4", messages=HELLO, temperature=0)
    with sdk.chat.completions.create(
        model="gpt-4", messages=HELLO, temperature=0, stream=True
    ) as stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == whole.choices[0].message.content


def test_its_stream_helper_assembles_a_tool_call(sdk: openai.OpenAI) -> None:
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [
        {"role": "user", "content": "What is the weather in Paris?"}
    ]
    with sdk.chat.completions.stream(
        model="gpt-4", messages=messages, tools=[TOOL], temperature=0
    ) as stream:
        answer = stream.get_final_completion()
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.name == "get_weather"
    assert answer.choices[0].finish_reason == "tool_calls"


def test_it_completes_text_and_lists_models(sdk: openai.OpenAI) -> None:
    assert sdk.completions.create(model="gpt-4", prompt="The", max_tokens=3).choices[0].text
    assert [model.id for model in sdk.models.list()] == ["tiny"]
    assert sdk.models.retrieve("tiny").owned_by == "local"


def test_it_raises_its_own_class_of_error(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.chat.completions.create(model="gpt-4", messages=HELLO, temperature=2, top_p=0)
    assert caught.value.param == "top_p"
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("gpt-4")
