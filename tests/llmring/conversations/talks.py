"""A provider that counts what it was told, and what was said to it and kept."""

from __future__ import annotations

import json
from typing import Any

from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer

MODEL = "openai:gpt-x"


def answer(asked: Request) -> bytes:
    """Counts what it was told: its n-th answer is "answer n"."""
    messages = json.loads(asked.body)["messages"]
    n_user = sum(message["role"] == "user" for message in messages)
    choice = {"index": 0, "finish_reason": "stop",
              "message": {"role": "assistant", "content": f"answer {n_user}"}}  # fmt: skip
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    return wire.answer({**wire.CHAT, "choices": [choice], "usage": usage})


def sent(server: ScriptedServer) -> list[list[tuple[str, str]]]:
    """Of each request, who says what."""
    bodies = [json.loads(body) for body in server.bodies]
    return [[(m["role"], m["content"]) for m in body["messages"]] for body in bodies]


def kept(history: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(message["role"], message["content"]) for message in history["messages"]]
