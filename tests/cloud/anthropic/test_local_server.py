"""Anthropic's client against the Messages API of our own server."""

from __future__ import annotations

import json

import pytest

from cloud.llm import AnthropicClient, InvalidRequestError, LLMContextLengthError
from tests.cloud.anthropic.asked import USER

NAME = {"type": "string", "enum": ["Oslo", "Rome"]}
CITY = {"type": "object", "properties": {"name": NAME}, "required": ["name"]}
WEATHER = {"name": "get_weather", "description": "Get weather", "parameters": CITY}


@pytest.fixture
def client(local_server_url: str) -> AnthropicClient:
    return AnthropicClient(model="tiny", base_url=local_server_url)


def test_chat_and_stream_say_the_same(client: AnthropicClient) -> None:
    whole = client.chat([USER], system="Be brief.", temperature=0.0, max_tokens=12)
    stream = client.chat_stream([USER], system="Be brief.", temperature=0.0, max_tokens=12)
    assert whole.content == "".join(stream) != ""
    assert whole.usage is not None
    assert whole.usage.prompt_tokens > whole.output_tokens > 0
    assert stream.response.finish_reason == whole.finish_reason
    assert stream.response.output_tokens == whole.output_tokens


def test_tool_is_called_and_its_result_taken(client: AnthropicClient) -> None:
    asked = client.chat([USER], tools=[WEATHER], tool_choice="get_weather", max_tokens=64)
    (call,) = asked.tool_calls
    assert (call.name, asked.finish_reason) == ("get_weather", "tool_calls")
    assert call.arguments["name"] in ("Oslo", "Rome")
    result = {"role": "tool", "tool_call_id": call.id, "content": {"celsius": 12}}
    messages = [USER, asked.to_message(), result]
    assert client.chat(messages, tools=[WEATHER], max_tokens=8).output_tokens > 0


def test_streamed_tool_call_comes_to_the_whole_one(client: AnthropicClient) -> None:
    how = {"tools": [WEATHER], "tool_choice": "required", "temperature": 0.0, "max_tokens": 64}
    (whole,) = client.chat([USER], **how).tool_calls
    (streamed,) = client.events([USER], **how).response.tool_calls
    assert (streamed.name, streamed.arguments) == (whole.name, whole.arguments)


def test_schema_is_held(client: AnthropicClient) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "City", "schema": CITY}}
    response = client.chat([USER], response_format=wanted, max_tokens=64)
    assert json.loads(response.content)["name"] in ("Oslo", "Rome")


def test_errors_have_their_classes(client: AnthropicClient) -> None:
    with pytest.raises(InvalidRequestError, match="seed"):
        client.chat([USER], seed=1)
    with pytest.raises(LLMContextLengthError):
        client.chat([{**USER, "content": "many words " * 9000}])
