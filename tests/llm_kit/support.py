"""What the tests of `llm-kit batch` share: commands in process, files of requests, a server."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from llm_kit.cli import cli
from tests.remote.scripted_server import Request, ScriptedServer

HELLO = [{"role": "user", "content": "Hello!"}]


def run(*arguments: str | Path, input: bytes | None = None, **environ: str) -> Result:
    """`llm-kit batch` in this process, its standard input no terminal."""
    words = ["batch", *map(str, arguments)]
    return CliRunner().invoke(cli, words, input=input, env=environ)


def report(result: Result) -> dict[str, Any]:
    """What `--json` has written."""
    fields: dict[str, Any] = json.loads(result.stdout)
    return fields


def line(custom_id: str, **body: Any) -> bytes:
    """A request; of the bundled model, three tokens long, where the body does not say."""
    fields = {"messages": HELLO, "model": "tiny", "max_tokens": 3, **body}
    request = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions"}
    kept = {name: value for name, value in fields.items() if value is not None}
    return json.dumps({**request, "body": kept}).encode() + b"\n"


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(lines))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(one) for one in path.read_text("utf-8").splitlines()]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def answer(request: Request) -> bytes:
    """The answer of a server that repeats the last message; status 400 where that is ``bad``."""
    asked = json.loads(request.body)
    text = asked["messages"][-1]["content"]
    body: dict[str, Any] = {
        "id": "1", "object": "chat.completion", "created": 1, "model": asked["model"],
        "choices": [
            {"index": 0, "finish_reason": "stop",
             "message": {"role": "assistant", "content": f"You said {text}"}}
        ],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    }  # fmt: skip
    if text == "bad":
        return http(400, {"error": {"message": "bad words", "type": "invalid_request_error"}})
    return http(200, body)


def http(status: int, body: Any) -> bytes:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}"
    return f"{head}\r\n\r\n".encode() + data


@contextmanager
def serving(*scripts: Any) -> Iterator[ScriptedServer]:
    """A server that answers by scripts; by `answer` without any."""
    with ScriptedServer(scripts or (answer,)) as server:
        yield server
