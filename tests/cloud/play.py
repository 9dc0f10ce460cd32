"""Plays a provider's scripts to its clients, and tells what they make of them in plain values."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from cloud.llm import AsyncTextStream, ChatResponse, TextStream, ToolCall
from cloud.llm.async_client import AsyncChatClient
from cloud.llm.base import Prepared
from cloud.llm.client import ChatClient
from cloud.llm.codec import ChatCall, WireRequest
from cloud.llm.events import ResponseAssembler
from LLM.exceptions import LLMError, LLMRateLimitError, LLMResponseError
from LLM.structured import is_model_class
from tests.cloud.scripts import Script
from tests.remote import wire

MESSAGES = [{"role": "user", "content": "Hello!"}]
SIZES = (1, 2, 3, 7, 1000)
SETTINGS: dict[str, Any] = {"api_key": "sk-test-1234", "model": "asked-model", "max_retries": 0}

Outcome = dict[str, Any]


@dataclass(frozen=True)
class Provider:
    """A provider's clients and scripts.

    :param content_type: of its streams.
    """

    name: str
    client: type[ChatClient]
    async_client: type[AsyncChatClient]
    scripts: list[Script]
    content_type: str = "text/event-stream"

    def plain_answer(self, script: Script) -> bytes:
        """The whole HTTP answer."""
        return wire.answer(script.plain, script.status, script.headers)

    def stream_answer(self, script: Script, size: int = 1000) -> bytes:
        """The HTTP answer of a streamed call, in HTTP chunks of `size` bytes."""
        if script.stream is None:
            return self.plain_answer(script)
        head = wire.head("Transfer-Encoding: chunked", content_type=self.content_type)
        return head + wire.chunked(wire.cut(script.stream, size))


def _provider(name: str, folder: str, client: str, *content_type: str) -> Provider:
    blocking = import_module(f"cloud.llm.{folder}.client")
    coroutines = import_module(f"cloud.llm.{folder}.async_client")
    scripts = import_module(f"tests.cloud.{name}.scripts").SCRIPTS
    twins = (getattr(blocking, client), getattr(coroutines, f"Async{client}"))
    return Provider(name, *twins, scripts, *content_type)


PROVIDERS = [
    _provider("openai", "openai_compat", "OpenAICompatClient"),
    _provider("anthropic", "anthropic", "AnthropicClient"),
    _provider("ollama", "ollama", "OllamaClient", "application/x-ndjson"),
    _provider("gemini", "gemini", "GeminiClient"),
]


def every_script() -> Iterator[tuple[Provider, Script]]:
    for provider in PROVIDERS:
        for script in provider.scripts:
            yield provider, script


def arguments_of(call: ToolCall) -> Any:
    """A call's arguments, or their text when they are no JSON object."""
    try:
        return call.arguments
    except LLMResponseError:
        return call.arguments_json


def told(response: ChatResponse) -> Outcome:
    """Everything that an answer says, but `raw`, which streams do not have."""
    fields = ("content", "model", "input_tokens", "output_tokens", "finish_reason", "reasoning",
              "thinking_blocks", "refusal", "parsed", "id")  # fmt: skip
    response.content.encode()
    json.dumps(response.to_dict())
    return {
        **{name: getattr(response, name) for name in fields},
        "tool_calls": [(c.id, c.name, arguments_of(c), c.extra) for c in response.tool_calls],
        "usage": response.usage and response.usage.model_dump(),
    }


def failed(error: LLMError) -> Outcome:
    """Everything that an error says."""
    return {"error": type(error), "args": error.args, **vars(error)}


def outcome(call: Callable[[], ChatResponse]) -> Outcome:
    try:
        return told(call())
    except LLMError as err:
        return failed(err)


async def aoutcome(call: Awaitable[ChatResponse]) -> Outcome:
    try:
        return told(await call)
    except LLMError as err:
        return failed(err)


def decoded(client: ChatClient, script: Script, size: int) -> Outcome:
    """What the decoder makes of a stream that is read in pieces of `size` bytes."""
    source = client._source(client.model)
    decoder = client.codec.decoder(200, source)
    assembler = ResponseAssembler(client.model)
    try:
        for piece in wire.cut(script.stream or b"", size):
            for event in decoder.feed(piece):
                assembler.add(event)
            if decoder.done:
                break
        else:
            for event in decoder.finish():
                assembler.add(event)
    except LLMError as err:
        source.complete(err)
        return {**failed(err), "text": assembler.text}
    response = assembler.response()
    assert response is not None
    wanted = script.call.get("response_format")
    wanted = wanted if is_model_class(wanted) else None
    call = ChatCall("", [])
    Prepared(WireRequest("", b""), source, 1.0, wanted, call).accept(response)
    return {**told(response), "text": assembler.text}


def streamed(client: ChatClient, script: Script) -> Outcome:
    """What the events of a call add up to; `text` is what had arrived, also before an error."""
    stream = client.events(MESSAGES, **script.call)
    return {**outcome(lambda: stream.response), "text": stream.text}


async def astreamed(client: AsyncChatClient, script: Script) -> Outcome:
    stream = client.events(MESSAGES, **script.call)
    return {**await aoutcome(stream.response), "text": stream.text}


def pieces(stream: TextStream) -> tuple[list[str], Outcome | None]:
    """The texts that a stream yields, and the error that ends it."""
    texts: list[str] = []
    try:
        texts.extend(stream)
    except LLMError as err:
        return texts, failed(err)
    return texts, None


async def apieces(open_stream: Callable[[], AsyncTextStream]) -> tuple[list[str], Outcome | None]:
    texts: list[str] = []
    try:
        async for text in open_stream():
            texts.append(text)  # noqa: PERF401  # keeps what came before an error
    except LLMError as err:
        return texts, failed(err)
    return texts, None


def check(script: Script, found: Outcome) -> None:
    """`found` is what the script says that it must be."""
    assert found.get("error") == script.error, found
    for name, value in script.expected.items():
        if name == "tool_calls":
            assert [call[1:3] for call in found["tool_calls"]] == value
        elif name == "quota_exhausted":
            assert LLMRateLimitError(code=found["code"]).quota_exhausted is value
        else:
            assert found[name] == value, name
