"""Lines and answers of ``/api/chat`` as an Ollama server writes them.

Source: https://docs.ollama.com/api/chat and /streaming; the order of fields and what is left out
when empty as in the server's api/types.go.
"""

from __future__ import annotations

import json
from typing import Any

MODEL = "llama3.2"
AT = "2026-11-20T08:52:19.385406455Z"
#: What the last line tells beside the counts, in nanoseconds.
TIMES = {
    "total_duration": 4883583458,
    "load_duration": 1334875,
    "prompt_eval_duration": 342546000,
    "eval_duration": 4535599000,
}
COUNTS = {"prompt_eval_count": 26, "eval_count": 282}
USAGE = {"input_tokens": 26, "output_tokens": 282}


def piece(content: str = "", **message: Any) -> dict[str, Any]:
    """A line that is not the last."""
    told = {"role": "assistant", "content": content, **message}
    return {"model": MODEL, "created_at": AT, "message": told, "done": False}


def last(reason: Any = "stop", content: str = "", **fields: Any) -> dict[str, Any]:
    """The last line; with a content, a whole answer."""
    told: dict[str, Any] = {**piece(content), "done": True, "done_reason": reason, **TIMES}
    return {**told, **COUNTS, **fields} if reason else {**told, **fields}


def whole(content: str = "", reason: str | None = "stop", **message: Any) -> dict[str, Any]:
    """The answer to a call with ``"stream": false``."""
    return last(reason, message={"role": "assistant", "content": content, **message})


def lines(*objects: Any) -> bytes:
    """The objects as a stream."""
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in objects)


def call(name: str, arguments: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An entry of `tool_calls`."""
    return {**fields, "function": {"name": name, "arguments": arguments}}
