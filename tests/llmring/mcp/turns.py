"""What models of four providers say in a turn with tools, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from llmring.mcp.client import EnhancedLLM, Event, Turn, TurnEnded
from llmring.mcp.tools import Tool
from tests.cloud.anthropic import wire as claude
from tests.cloud.gemini import wire as gemini
from tests.llmring.rings import with_ring
from tests.remote import wire
from tests.remote.scripted_server import Request, Script, ScriptedServer

T = TypeVar("T")
#: A model of each provider.
MODELS = {
    "openai": "openai:gpt-4o",
    "anthropic": "anthropic:claude-sonnet-4-5",
    "google": "google:gemini-2.5-flash",
    "ollama": "ollama:llama3.2",
}
PROVIDERS = list(MODELS)
QUESTION = [{"role": "user", "content": "How is the weather?"}]


@dataclass(frozen=True)
class Said:
    """What a model says in one round.

    :param calls: names and arguments of the tools that it calls.
    """

    text: str = ""
    calls: Sequence[tuple[str, dict[str, Any]]] = ()

    def __call__(self, request: Request) -> bytes:
        """The answer in the words of the provider that is asked."""
        body = json.loads(request.body) if request.body else {}
        path = request.path.partition("?")[0]
        if path.endswith("/messages"):
            return self._anthropic(request, body)
        if path.startswith("/api/show"):
            return wire.answer({"capabilities": ["completion", "tools"], "details": {}})
        if path.startswith("/api/"):
            return self._ollama(body)
        if "Content" in path:
            return self._google(request, path)
        return self._openai(request, body)

    def _openai(self, request: Request, body: dict[str, Any]) -> bytes:
        calls = [
            {"id": f"call_{request.number}{i}", "type": "function", "function": {
                "name": name, "arguments": json.dumps(arguments)}}
            for i, (name, arguments) in enumerate(self.calls)
        ]  # fmt: skip
        finish = "tool_calls" if calls else "stop"
        if not body.get("stream"):
            message = {"role": "assistant", "content": self.text or None}
            if calls:
                message["tool_calls"] = calls
            choice = {"index": 0, "message": message, "finish_reason": finish}
            return wire.answer({**wire.CHAT, "choices": [choice]})
        pieces = [wire.chunk(self.text)] if self.text else []
        if calls:
            pieces.append(wire.chunk(tool_calls=[{"index": i, **c} for i, c in enumerate(calls)]))
        end = {**wire.chunk(), "choices": [], "usage": wire.CHAT["usage"]}
        events = b"".join(map(wire.event, [*pieces, wire.chunk(finish=finish), end]))
        return wire.stream_answer(events + wire.DONE)

    def _anthropic(self, request: Request, body: dict[str, Any]) -> bytes:
        blocks = [claude.text(self.text)] if self.text else []
        blocks += [
            claude.tool_use(f"toolu_{request.number}{i}", name, arguments)
            for i, (name, arguments) in enumerate(self.calls)
        ]
        whole = claude.message(*blocks, stop="tool_use" if self.calls else "end_turn")
        return (
            wire.stream_answer(claude.stream(whole)) if body.get("stream") else wire.answer(whole)
        )

    def _google(self, request: Request, path: str) -> bytes:
        parts = [gemini.text(self.text)] if self.text else []
        parts += [
            gemini.call(name, arguments, id=f"g{request.number}{i}")
            for i, (name, arguments) in enumerate(self.calls)
        ]
        whole = gemini.answer(*parts)
        if "stream" in path:
            return wire.stream_answer(gemini.stream(whole))
        return wire.answer(whole)

    def _ollama(self, body: dict[str, Any]) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.calls:
            message["tool_calls"] = [
                {"function": {"name": name, "arguments": arguments}}
                for name, arguments in self.calls
            ]
        counts = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
        line = {"model": body.get("model"), "message": message, **counts}
        if body.get("stream") is False:
            return wire.answer(line)
        head = wire.head("Transfer-Encoding: chunked", content_type="application/x-ndjson")
        return head + wire.chunked([json.dumps(line).encode() + b"\n"])


def ask(
    *said: Script,
    provider: str = "openai",
    streamed: bool = False,
    messages: Sequence[Any] = QUESTION,
    fields: dict[str, Any] | None = None,
    **settings: Any,
) -> tuple[Turn, list[Event], list[dict[str, Any]]]:
    """A turn at a server that says one thing after the other.

    :param fields: those of the request.
    :param settings: those of `EnhancedLLM`.
    :return: the turn, the events, and the bodies of the requests that were chats.
    """

    async def use(llm: EnhancedLLM) -> tuple[Turn, list[Event]]:
        return await events_of(llm, messages, streamed=streamed, **(fields or {}))

    with ScriptedServer(said) as server:
        turn, events = with_llm(server, use, provider=provider, **settings)
        bodies = [json.loads(body) for body in server.bodies if body]
    return turn, events, [body for body in bodies if "messages" in body or "contents" in body]


async def events_of(
    llm: EnhancedLLM, messages: Sequence[Any], *, streamed: bool, **fields: Any
) -> tuple[Turn, list[Event]]:
    """A turn, and what was told of it."""
    events: list[Event] = []
    if not streamed:
        return await llm.chat(messages, on_event=events.append, **fields), events
    async with llm.chat_stream(messages, **fields) as stream:
        events += [event async for event in stream]
        return await stream.turn(), events


def with_llm(
    server: ScriptedServer,
    use: Callable[[EnhancedLLM], Awaitable[T]],
    *,
    provider: str = "openai",
    **settings: Any,
) -> T:
    """What `use` gives for a model at the server."""

    async def run(ring: Any) -> T:
        async with EnhancedLLM(ring, MODELS[provider], **settings) as llm:
            return await use(llm)

    return with_ring(server, provider, run)


def named(events: Sequence[Event]) -> list[str]:
    """The events of tools, by their classes' names, and the end."""
    return [type(e).__name__ for e in events if type(e).__name__ != "StreamChunk"]


def told(turn: Turn) -> list[Any]:
    """What the model was told by tools, in order."""
    return [message.content for message in turn.messages if message.role == "tool"]


def final(events: Sequence[Event]) -> Turn:
    """The turn that the last event has."""
    (end,) = [event for event in events if isinstance(event, TurnEnded)]
    return end.turn


SUNNY = Said("It is sunny.")


def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"{city}: sunny"


def raw_tool(run: Any, name: str = "raw", **parameters: Any) -> Tool:
    return Tool(name, "A tool.", {"type": "object", **parameters}, run)
