"""Streams of the four providers: the same events or the same error, however the network cuts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cloud.llm.anthropic.codec import AnthropicCodec
from cloud.llm.codec import Codec
from cloud.llm.config import ClientConfig
from cloud.llm.events import ResponseAssembler
from cloud.llm.gemini.codec import GeminiCodec
from cloud.llm.ollama.codec import OllamaCodec
from cloud.llm.openai_compat.codec import OpenAICodec
from fuzzing.draw import pieces
from fuzzing.target import Target
from LLM.codec import Source
from LLM.exceptions import LLMError

_CONFIG = ClientConfig(model="m", api_key="key-of-fuzzing", base_url="http://127.0.0.1")
_SOURCE = Source("fuzz", "m", ("key-of-fuzzing",))
#: Behind these a provider says no more; what stands there is read where it has come along.
_ENDS = (b"[DONE]", b"message_stop", b'"done":true', b'"done": true')


def _check(codec: Codec) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        if any(end in data for end in _ENDS):
            end = min(data.find(end) + len(end) for end in _ENDS if end in data)
            line = data.find(b"\n", end)
            data = data if line < 0 else data[:line] + b"\n\n"
        stream, cut = pieces(data)
        assert _told(codec, [stream]) == _told(codec, cut)

    return check


def _told(codec: Codec, given: list[bytes]) -> tuple[list[str], str, str]:
    """The events up to an error, the answer that they make, and the error's class."""
    decoder, assembler = codec.decoder(200, _SOURCE), ResponseAssembler("m")
    events: list[str] = []
    error = ""
    try:
        for piece in given:
            if decoder.done:
                break
            for event in decoder.feed(piece):
                assembler.add(event)
                events.append(repr(event))
        if not decoder.done:
            for event in decoder.finish():
                assembler.add(event)
                events.append(repr(event))
    except LLMError as err:
        assert "key-of-fuzzing" not in str(err)
        error = type(err).__name__
    return events, repr(assembler.response()), error


def _event(data: dict[str, Any], name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def _claude(kind: str, **fields: Any) -> bytes:
    return _event({"type": kind, **fields}, kind)


_FUNCTION = {"name": "f", "arguments": "{"}
_OPENAI = _event({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "Hi"}}]})
_OPENAI_CALL = _event(
    {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "1", "function": _FUNCTION}]}}]}
)
_USAGE = {"input_tokens": 1, "output_tokens": 1}
_TEXT, _TOOL = {"type": "text", "text": ""}, {"type": "tool_use", "id": "1", "name": "f"}
_ANTHROPIC = (
    _claude("message_start", message={"id": "m", "model": "m", "usage": _USAGE}),
    _claude("content_block_start", index=0, content_block=_TEXT),
    _claude("content_block_start", index=1, content_block={**_TOOL, "input": {}}),
    _claude("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"}),
    _claude("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": ""}),
    _claude("content_block_stop", index=0),
    _claude("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}),
    _claude("message_stop"),
    _claude("error", error={"type": "overloaded_error", "message": "no"}),
)
_PARTS = [{"text": "Hi"}, {"functionCall": {"name": "f", "args": {}}}]
_GEMINI = (
    _event({"candidates": [{"content": {"role": "model", "parts": _PARTS[:1]}, "index": 0}]}),
    _event({"candidates": [{"content": {"parts": _PARTS}, "finishReason": "STOP"}]}),
    _event({"usageMetadata": {"promptTokenCount": 1}}),
    _event({"error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}}),
)
_OLLAMA = (
    b'{"model":"m","message":{"role":"assistant","content":"Hi"},"done":false}\n',
    b'{"message":{"tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false}\n',
    b'{"message":{"content":""},"done":true,"done_reason":"stop","eval_count":2}\n',
    b'{"error":"no"}\n',
)
_ODD = (b"null", b"[]", b"{}", b"1e999", b"-1", b"\\ud83d", b"\n\n", b"NaN", b'"x"', b"5" * 30)
TARGETS = {
    "openai_stream": Target(
        _check(OpenAICodec(_CONFIG)),
        (b"\0\0" + _OPENAI + _OPENAI_CALL + b"data: [DONE]\n\n", b"\3\5" + _OPENAI),
        (_OPENAI, _OPENAI_CALL, b'"finish_reason":"stop"', b"data: [DONE]\n\n", *_ODD),
    ),
    "anthropic_stream": Target(
        _check(AnthropicCodec(_CONFIG)),
        (b"\0\0" + b"".join(_ANTHROPIC[:-1]), b"\3\5" + _ANTHROPIC[0] + _ANTHROPIC[-1]),
        (*_ANTHROPIC, b'"type":"thinking"', b'"thinking_delta"', b'"signature":"s"', *_ODD),
    ),
    "gemini_stream": Target(
        _check(GeminiCodec(_CONFIG)),
        (b"\0\0" + b"".join(_GEMINI[:-1]), b"\3\5" + _GEMINI[0] + _GEMINI[-1]),
        (*_GEMINI, b'"thought":true', b'"thoughtSignature":"s"', b'"blockReason":"X"', *_ODD),
    ),
    "ollama_stream": Target(
        _check(OllamaCodec(_CONFIG)),
        (b"\0\0" + b"".join(_OLLAMA[:-1]), b"\3\5" + _OLLAMA[0] + _OLLAMA[-1]),
        (*_OLLAMA, b'"thinking":"t"', *_ODD),
    ),
}
