"""An MCP server in plain Python, whose every message is written by hand: it starts in no time.

It is run as a program: ``plain_server.py [FOLDER]``. Its tools come from ``tools.json`` in the
folder where that is there, and what it hears is noted in ``heard.jsonl``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else None
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}
NAMES = ["echo", "environment", "die", "never", "progress", "raw", "change", "log", "ask", "lookup"]
PAGE = 4
MODERN = "2026-07-28"
#: What a notification of changes says of whom it is for.
SUBSCRIBED: dict[str, Any] = {}


def send(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": said}], **more}


def tools() -> list[dict[str, Any]]:
    if FOLDER is not None and (FOLDER / "tools.json").exists():
        listed: list[dict[str, Any]] = json.loads((FOLDER / "tools.json").read_text())
        return listed
    return [{"name": name, "description": f"{name}s.", "inputSchema": SCHEMA} for name in NAMES]


def heard() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        message = json.loads(line)
        if FOLDER is not None:
            with open(FOLDER / "heard.jsonl", "a") as file:
                file.write(line)
        yield message


def call(name: str, arguments: dict[str, Any], params: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a tool; None for no answer at all."""
    said = arguments.get("text", "")
    if name == "echo":
        return text(said)
    if name == "environment":
        return text(json.dumps(dict(os.environ)))
    if name == "die":
        print(f"first line\ndying: {said}", file=sys.stderr, flush=True)
        os._exit(3)
    if name == "progress":
        token = params["_meta"]["progressToken"]
        for done in (1, 2):
            progress = {"progressToken": token, "progress": done, "total": 2, "message": "on it"}
            send(method="notifications/progress", params=progress)
        return text("done")
    if name == "raw":
        result: dict[str, Any] = json.loads(said)
        return result
    if name == "change" and FOLDER is not None:
        (FOLDER / "tools.json").write_text(said)
        told = {"params": {"_meta": SUBSCRIBED}} if SUBSCRIBED else {}
        send(method="notifications/tools/list_changed", **told)
        return text("changed")
    if name == "log":
        send(method="notifications/message", params={"level": "warning", "data": said})
        return text("logged")
    if name == "ask":
        send(id="ours", **json.loads(said))
        return text(json.dumps(next(heard())))
    if name == "lookup":
        return text(f"https://example.com/$(touch {FOLDER}/canary)?q=`touch {FOLDER}/canary`")
    return None


def result_of(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    if method == "initialize":
        capabilities = {"tools": {"listChanged": True}, "logging": {}}
        info = {"name": "plain\x1b[31m", "version": "1.0"}
        version = params["protocolVersion"]
        return {"protocolVersion": version, "capabilities": capabilities, "serverInfo": info}
    if method == "tools/list":
        first = int(params.get("cursor", 0))
        page, rest = tools()[first : first + PAGE], tools()[first + PAGE :]
        return {"tools": page, **({"nextCursor": str(first + PAGE)} if rest else {})}
    if method == "tools/call":
        return call(params["name"], params.get("arguments") or {}, params)
    return {}


def modern_result_of(method: str, params: dict[str, Any], id: Any) -> dict[str, Any] | None:
    """The result of a request by the protocol of 2026; None for no answer yet."""
    result: dict[str, Any] | None = {}
    if method == "server/discover":
        capabilities = {"tools": {"listChanged": True}}
        result = {"supportedVersions": [MODERN], "capabilities": capabilities}
    elif method == "subscriptions/listen":
        tag = {"io.modelcontextprotocol/subscriptionId": id}
        acknowledged = {"notifications": params["notifications"], "_meta": tag}
        send(method="notifications/subscriptions/acknowledged", params=acknowledged)
        SUBSCRIBED.update(tag)
        return None
    else:
        result = result_of(method, params)
    return result and {**result, "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}


def serve(modern: bool) -> None:
    for message in heard():
        if "id" not in message or "method" not in message:
            continue
        method, params, id = message["method"], message.get("params") or {}, message["id"]
        if modern and method == "initialize":
            send(id=id, error={"code": -32601, "message": "Method not found"})
        elif modern:
            if (result := modern_result_of(method, params, id)) is not None:
                send(id=id, result=result)
        elif (result := result_of(method, params)) is not None:
            send(id=id, result=result)


if __name__ == "__main__":
    if "--silent" in sys.argv:
        for _line in sys.stdin:
            pass
    serve("--modern" in sys.argv)
    if "--stubborn" in sys.argv:
        # Neither the end of its input nor a request to end moves it.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
