"""Providers that answer with a text: scripts in each one's words, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.cloud.anthropic import wire as anthropic_wire
from tests.cloud.gemini import wire as gemini_wire
from tests.cloud.ollama import wire as ollama_wire
from tests.cloud.openai import wire as openai_wire
from tests.remote import wire
from tests.remote.scripted_server import Request

#: A model of each provider, and one that is held to schemas by a tool that it must call.
MODELS = {
    "openai": "openai:gpt-4o",
    "anthropic": "anthropic:claude-sonnet-4-5",
    "claude 3": "anthropic:claude-3-5-haiku-20241022",
    "google": "google:gemini-2.5-flash",
    "ollama": "ollama:llama3.2",
    "lab": "lab:some-model",
}
Script = Callable[[Request], bytes]


def saying(provider: str, text: str, *, was_cut: bool = False) -> Script:
    """A script that answers with `text`, whole or streamed as it is asked.

    :param was_cut: whether the answer ended at `max_tokens`.
    """
    kind = {"lab": "openai", "claude 3": "anthropic"}.get(provider, provider)

    def script(request: Request) -> bytes:
        body = json.loads(request.body)
        streamed = bool(body.get("stream")) or "stream" in request.path
        tools = body.get("tools")
        return (
            _calling(tools[0], text, streamed) if tools else _SCRIPTS[kind](text, was_cut, streamed)
        )

    return script


def _openai(text: str, was_cut: bool, streamed: bool) -> bytes:
    finish = "length" if was_cut else "stop"
    if not streamed:
        return wire.answer(openai_wire.plain(text, finish))
    chunks = [wire.chunk(piece) for piece in _pieces(text)]
    counted = {**wire.chunk(), "choices": [], "usage": openai_wire.USAGE}
    events = [wire.event(one) for one in (*chunks, wire.chunk(finish=finish), counted)]
    return wire.stream_answer(b"".join(events) + wire.DONE)


def _anthropic(text: str, was_cut: bool, streamed: bool) -> bytes:
    stop = "max_tokens" if was_cut else "end_turn"
    whole = anthropic_wire.message(anthropic_wire.text(text), stop=stop)
    return wire.stream_answer(anthropic_wire.stream(whole)) if streamed else wire.answer(whole)


def _calling(tool: dict[str, Any], text: str, streamed: bool) -> bytes:
    call = anthropic_wire.tool_use("toolu_1", tool["name"], json.loads(text))
    whole = anthropic_wire.message(call, stop="tool_use")
    return wire.stream_answer(anthropic_wire.stream(whole)) if streamed else wire.answer(whole)


def _google(text: str, was_cut: bool, streamed: bool) -> bytes:
    finish = "MAX_TOKENS" if was_cut else "STOP"
    if not streamed:
        return wire.answer(gemini_wire.answer(gemini_wire.text(text), finish=finish))
    pieces = [gemini_wire.answer(gemini_wire.text(one), finish=None) for one in _pieces(text)]
    return wire.stream_answer(gemini_wire.stream(*pieces, gemini_wire.answer(finish=finish)))


def _ollama(text: str, was_cut: bool, streamed: bool) -> bytes:
    reason = "length" if was_cut else "stop"
    if not streamed:
        return wire.answer(ollama_wire.whole(text, reason))
    lines = ollama_wire.lines(*map(ollama_wire.piece, _pieces(text)), ollama_wire.last(reason))
    return wire.answer(lines, content_type="application/x-ndjson")


def _pieces(text: str) -> list[str]:
    return [text[i : i + 5] for i in range(0, len(text), 5)]


_SCRIPTS: Mapping[str, Callable[[str, bool, bool], bytes]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "claude 3": "anthropic:claude-3-5-haiku-20241022",
    "google": _google,
    "ollama": _ollama,
}


def schema_sent(provider: str, body: dict[str, Any]) -> tuple[Any, bool]:
    """The schema in a request, and whether the provider holds the answer to it.

    :return: None for a schema that only the prompt tells.
    """
    if provider == "anthropic":
        return body.get("output_config", {}).get("format", {}).get("schema"), True
    if provider == "claude 3":
        return body["tools"][0]["input_schema"], True
    if provider == "google":
        return body["generationConfig"].get("responseJsonSchema"), True
    if provider == "ollama":
        return body["format"], True
    asked = body["response_format"]["json_schema"]
    return asked["schema"], asked["strict"]
