"""The client of OpenAI's language against our own server, which speaks it."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from cloud import close_all_cloud_clients
from cloud.llm import (
    AsyncOpenAICompatClient,
    ChatResponse,
    Finish,
    InvalidRequestError,
    LLMContextLengthError,
    OpenAICompatClient,
    UsageUpdate,
)

USER: Any = {"role": "user", "content": "Hello!"}
NAME = {"type": "string", "enum": ["Oslo", "Rome"]}
CITY = {"type": "object", "properties": {"name": NAME}, "required": ["name"]}
WEATHER = {"name": "get_weather", "description": "Get weather", "parameters": CITY}


class City(BaseModel):
    name: Literal["Oslo", "Rome"]


@pytest.fixture
def client(local_server_url: str) -> OpenAICompatClient:
    return OpenAICompatClient(model="tiny", base_url=local_server_url)


def test_chat_and_stream_say_the_same(client: OpenAICompatClient) -> None:
    whole = client.chat([USER], system="Be brief.", temperature=0.0, max_tokens=12)
    stream = client.chat_stream([USER], system="Be brief.", temperature=0.0, max_tokens=12)
    assert whole.content == "".join(stream) != ""
    assert whole.input_tokens > whole.output_tokens > 0
    streamed = stream.response
    assert streamed.finish_reason == whole.finish_reason
    assert streamed.total_tokens == whole.total_tokens


def test_the_twin_says_the_same(client: OpenAICompatClient, local_server_url: str) -> None:
    async def chat() -> ChatResponse:
        twin = AsyncOpenAICompatClient(model="tiny", base_url=local_server_url)
        response = await twin.chat([USER], temperature=0.0, max_tokens=12)
        await close_all_cloud_clients()
        return response

    assert (
        asyncio.run(chat()).content == client.chat([USER], temperature=0.0, max_tokens=12).content
    )


def test_a_stream_ends_with_its_reason_and_its_usage(client: OpenAICompatClient) -> None:
    *_, finish, usage = client.events([USER], max_tokens=4)
    assert finish == Finish("length")
    assert isinstance(usage, UsageUpdate)
    assert usage.usage.completion_tokens == 4


def test_a_tool_is_called_and_its_result_taken(client: OpenAICompatClient) -> None:
    asked = client.chat([USER], tools=[WEATHER], tool_choice="get_weather", max_tokens=64)
    (call,) = asked.tool_calls
    assert call.name == "get_weather"
    assert call.arguments["name"] in ("Oslo", "Rome")
    result = {"role": "tool", "tool_call_id": call.id, "content": {"celsius": 12}}
    messages = [USER, asked.to_message(), result]
    assert client.chat(messages, tools=[WEATHER], max_tokens=8).output_tokens > 0


def test_a_pydantic_class_gives_its_object(client: OpenAICompatClient) -> None:
    parsed = client.chat([USER], response_format=City, max_tokens=64).parsed
    assert isinstance(parsed, City)


def test_errors_have_their_classes(client: OpenAICompatClient) -> None:
    with pytest.raises(LLMContextLengthError):
        client.chat([{**USER, "content": "many words " * 9000}])
    with pytest.raises(InvalidRequestError, match="top_p"):
        client.chat([USER], top_p=7)
