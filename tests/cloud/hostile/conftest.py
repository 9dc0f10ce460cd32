"""The clients of `cloud.llm` behind the face of `LLM`, for its hostile tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import LLM.transport
from cloud.llm import AsyncOpenAICompatClient, ChatResponse, OpenAICompatClient
from LLM import LLMConfig
from LLM.types import ChatCompletionResponse
from tests import worlds
from tests.remote.conftest import CALLS, Call, client, failure, serve, sleeps

__all__ = ["client", "failure", "serve", "sleeps"]

#: The calls that a provider's client has.
CHATS = ["chat", "chat-stream"]


#: The statuses that are tried here; the tests of `LLM` try all there are.
STATUSES = {201, 204, 206, 301, 302, 304, 307, 308, 400, 401, 402, 403, 404, 408, 409, 413, 418,
            422, 425, 429, 499, 500, 502, 503, 504, 505, 529, 599}  # fmt: skip


def client_of(cls: Any, config: LLMConfig) -> Any:
    """A client with an `LLM`'s settings."""
    names = ("api_key", "base_url", "model", "timeout", "max_retries", "headers", "verify",
             "retry_delay", "max_retry_after", "retry_timeouts")  # fmt: skip
    return cls(jitter=0.0, **{name: getattr(config, name) for name in names})


def as_completion(response: ChatResponse) -> ChatCompletionResponse:
    """An answer of ours in OpenAI's shape, by which the tests look at it."""
    message = response.to_message() | {"content": response.content}
    choice = {"index": 0, "message": message, "finish_reason": response.finish_reason}
    usage = response.usage and response.usage.model_dump()
    fields = {"id": response.id, "model": response.model, "usage": usage}
    return ChatCompletionResponse.model_validate({**fields, "choices": [choice]})


class BlockingCloud:
    """`OpenAICompatClient`, called as an `LLM` is."""

    def __init__(self, config: LLMConfig) -> None:
        self.llm = client_of(OpenAICompatClient, config)

    def __repr__(self) -> str:
        return repr(self.llm)

    def __enter__(self) -> BlockingCloud:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.llm.close()

    @property
    def config(self) -> Any:
        return self.llm.config

    def chat_completion(self, messages: Any, *, stream: bool = False, **fields: Any) -> Any:
        if stream:
            return Streamed(self.llm.events(messages, **fields))
        return as_completion(self.llm.chat(messages, **fields))


class Streamed:
    """A stream of ours whose answer is in OpenAI's shape."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stream)

    @property
    def text(self) -> str:
        return self._stream.text

    @property
    def response(self) -> ChatCompletionResponse:
        return as_completion(self._stream.response)


class AsyncCloud(worlds.BlockingFace):
    """`AsyncOpenAICompatClient`, called as an `LLM` is, in a loop of its own."""

    def __init__(self, config: LLMConfig) -> None:
        self._loop = asyncio.new_event_loop()
        try:
            self.llm = client_of(AsyncOpenAICompatClient, config)
        except BaseException:
            self._loop.close()
            raise

    def chat_completion(self, messages: Any, *, stream: bool = False, **fields: Any) -> Any:
        if stream:
            return Streamed(worlds.StreamFace(self, self.llm.events(messages, **fields)))
        return as_completion(self.run(self.llm.chat(messages, **fields)))


@pytest.fixture(scope="package", autouse=True)
def pools() -> Iterator[None]:
    """The pools that are shared, closed when all tests are done: each server has its own."""
    yield
    LLM.transport.close_shared_pools()


@pytest.fixture(params=[BlockingCloud, AsyncCloud], ids=["cloud", "async-cloud"])
def world(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """What makes a client, in the place of the worlds of `LLM`."""
    return request.param


@pytest.fixture(params=[CALLS[name] for name in CHATS], ids=CHATS)
def call(request: pytest.FixtureRequest) -> Call:
    """Each of the ways to call that there are here."""
    return request.param


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the calls that a provider's client does not have, and most statuses."""
    items[:] = [item for item in items if _is_possible(item)]


def _is_possible(item: pytest.Item) -> bool:
    if not item.nodeid.startswith("tests/cloud/hostile/"):
        return True
    params = getattr(getattr(item, "callspec", None), "params", {})
    return params.get("kind", "chat") in CHATS and params.get("status", 400) in STATUSES
