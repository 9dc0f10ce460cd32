"""Servers with the batch endpoints of OpenAI and of Anthropic, which keep what they are given.

They answer through `ScriptedServer`, so the official SDKs can drive them, too. A batch runs for as
many looks as `looks` says and then ends as `ending` says.
"""

from __future__ import annotations

import json
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.remote.scripted_server import Request, ScriptedServer

Reply = tuple[int, Any]


def http(status: int, body: Any, headers: str = "") -> bytes:
    """An answer; what is no bytes becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


@dataclass
class FakeProvider(ABC):
    """What both have in common."""

    #: Looks at a batch before it is over.
    looks: int = 1
    ending: str = "completed"
    #: `ending` and `looks` of the first batches, where they are not those above.
    script: list[tuple[str, int]] = field(default_factory=list)
    #: Makes the answer of a request: its custom_id and body.
    answer: Callable[[str, dict[str, Any]], Any] | None = None
    #: Changes the lines of results before they are sent.
    spoil: Callable[[list[bytes]], list[bytes]] = lambda lines: lines
    #: Answers in place of the server; None lets it answer.
    fault: Callable[[Request], Any] | None = None
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Requests of each batch.
    asked: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> Any:
        self.calls.append(f"{request.method} {urlsplit(request.path).path}")
        if self.fault is not None and (fault := self.fault(request)) is not None:
            return fault
        with self.lock:
            return http(*self.route(request))

    @abstractmethod
    def route(self, request: Request) -> Reply:
        """What the provider answers."""

    def plan(self) -> dict[str, Any]:
        """How a new batch is going to run."""
        ending, looks = self.script.pop(0) if self.script else (self.ending, self.looks)
        return {"ending": ending, "looks": looks}

    def next_id(self, kind: str) -> str:
        return f"{kind}_{len(self.batches) + len(self.files) + 1}"


class FakeOpenAI(FakeProvider):
    """OpenAI's files and batches."""

    def route(self, request: Request) -> Reply:
        url = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        parts = url.path.removeprefix("/v1/").split("/")
        match request.method, parts:
            case "POST", ["files"]:
                return 200, self._upload(request)
            case "GET", ["files"]:
                return 200, _page(list(self.files.values())[::-1], query)
            case "GET", ["files", file_id, "content"] if file_id in self.files:
                return 200, self.files[file_id]["content"].encode("latin-1")
            case "DELETE", ["files", file_id] if file_id in self.files:
                del self.files[file_id]
                return 200, {"id": file_id, "object": "file", "deleted": True}
            case "POST", ["batches"]:
                return self._create(json.loads(request.body))
            case "GET", ["batches"]:
                return 200, _page(list(self.batches.values())[::-1], query)
            case "GET", ["batches", batch_id] if batch_id in self.batches:
                return 200, self._look(self.batches[batch_id])
            case "POST", ["batches", batch_id, "cancel"] if batch_id in self.batches:
                self.batches[batch_id].update(status="cancelling", ending="cancelled")
                return 200, self.batches[batch_id]
        return 404, {"error": {"message": f"no {request.path}", "type": "invalid_request_error"}}

    def add_file(self, filename: str, content: bytes, purpose: str) -> dict[str, Any]:
        file_id = self.next_id("file")
        self.files[file_id] = {
            "id": file_id, "object": "file", "bytes": len(content), "created_at": 1,
            "filename": filename, "purpose": purpose, "status": "processed",
            "content": content.decode("latin-1"),
        }  # fmt: skip
        return self.files[file_id]

    def _upload(self, request: Request) -> dict[str, Any]:
        fields = _form(request)
        filename, content = fields["file"]
        return self.add_file(filename, content, fields["purpose"][1].decode())

    def _create(self, fields: dict[str, Any]) -> Reply:
        if fields["input_file_id"] not in self.files:
            return 400, {"error": {"message": "no such file", "type": "invalid_request_error"}}
        content = self.files[fields["input_file_id"]]["content"].encode("latin-1")
        lines = content.splitlines()
        batch_id = self.next_id("batch")
        self.asked[batch_id] = [json.loads(line) for line in lines]
        self.batches[batch_id] = {
            "id": batch_id, "object": "batch", "created_at": len(self.batches), **fields,
            "status": "validating", **self.plan(),
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }  # fmt: skip
        return 200, self.batches[batch_id]

    def _look(self, batch: dict[str, Any]) -> dict[str, Any]:
        if batch["looks"] > 0:
            batch["looks"] -= 1
            batch["status"] = "in_progress" if batch["status"] != "cancelling" else "cancelling"
        elif batch["status"] not in ("completed", "failed", "expired", "cancelled"):
            self._end(batch)
        return batch

    def _end(self, batch: dict[str, Any]) -> None:
        batch["status"] = batch["ending"]
        if batch["ending"] == "failed":
            batch["errors"] = {"object": "list", "data": batch.get("problems") or self.problems()}
            return
        asked = self.asked[batch["id"]]
        # One that did not run to its end has answered the first half.
        n_answered = len(asked) if batch["ending"] == "completed" else len(asked) // 2
        answers: list[bytes] = []
        errors: list[bytes] = []
        for n, line in enumerate(asked):
            custom_id, response, error = line["custom_id"], None, None
            if n < n_answered:
                status, body = self._answered(custom_id, line["url"], line["body"])
                response = {"status_code": status, "request_id": f"req_{n}", "body": body}
            else:
                error = {"code": f"batch_{batch['ending']}", "message": "it was not answered"}
            told = {"id": f"b_{n}", "custom_id": custom_id, "response": response, "error": error}
            good = response is not None and response["status_code"] == 200
            (answers if good else errors).append(json.dumps(told).encode())
        for name, lines in (("output_file_id", answers), ("error_file_id", errors)):
            if lines:
                content = b"".join(line + b"\n" for line in self.spoil(lines))
                batch[name] = self.add_file(f"{name}.jsonl", content, "batch_output")["id"]
        batch["request_counts"].update(completed=len(answers), failed=len(errors))

    def _answered(self, custom_id: str, url: str, body: dict[str, Any]) -> Reply:
        if self.answer is not None:
            found = self.answer(custom_id, body)
            return found if isinstance(found, tuple) else (200, found)
        return 200, answer_to(url, body)

    def problems(self) -> list[dict[str, Any]]:
        return [{"code": "invalid_model", "message": "no such model", "line": None}]


class FakeAnthropic(FakeProvider):
    """Anthropic's message batches."""

    def route(self, request: Request) -> Reply:
        url = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        parts = url.path.removeprefix("/v1/messages/").split("/")
        match request.method, parts:
            case "POST", ["batches"]:
                return 200, self._create(json.loads(request.body))
            case "GET", ["batches"]:
                newest = list(self.batches.values())[::-1]
                return 200, _page(newest, query, "after_id")
            case "GET", ["batches", batch_id] if batch_id in self.batches:
                return 200, self._look(self.batches[batch_id])
            case "GET", ["batches", batch_id, "results"] if batch_id in self.batches:
                return 200, self._results(batch_id)
            case "POST", ["batches", batch_id, "cancel"] if batch_id in self.batches:
                batch = self.batches[batch_id]
                batch.update(processing_status="canceling", ending="canceled")
                return 200, batch
        error = {"type": "not_found_error", "message": f"no {request.path}"}
        return 404, {"type": "error", "error": error}

    def _create(self, fields: dict[str, Any]) -> dict[str, Any]:
        batch_id = self.next_id("msgbatch")
        self.asked[batch_id] = fields["requests"]
        ids = [request["custom_id"] for request in fields["requests"]]
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", custom_id) for custom_id in ids)
        self.batches[batch_id] = {
            "id": batch_id, "type": "message_batch", "processing_status": "in_progress",
            "created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z",
            "ended_at": None, "results_url": None, "cancel_initiated_at": None,
            "archived_at": None, **self.plan(),
            "request_counts": {
                "processing": len(ids), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0
            },
        }  # fmt: skip
        return self.batches[batch_id]

    def _look(self, batch: dict[str, Any]) -> dict[str, Any]:
        if batch["looks"] > 0:
            batch["looks"] -= 1
        elif batch["processing_status"] != "ended":
            batch["processing_status"], batch["ended_at"] = "ended", "2026-01-01T01:00:00Z"
            batch["results_url"] = f"https://elsewhere.invalid/v1/messages/batches/{batch['id']}"
            n = batch["request_counts"].pop("processing")
            batch["request_counts"].update(processing=0, succeeded=n)
        return batch

    def _results(self, batch_id: str) -> bytes:
        asked, ending = self.asked[batch_id], self.batches[batch_id]["ending"]
        n_answered = len(asked) if ending == "completed" else len(asked) // 2
        lines = []
        for n, request in enumerate(asked):
            result: Any = {"type": ending}
            if n < n_answered:
                told = self.answer and self.answer(request["custom_id"], request["params"])
                result = told or {"type": "succeeded", "message": message_to(request["params"])}
            line = {"custom_id": request["custom_id"], "result": result}
            lines.append(json.dumps(line).encode())
        # Results come in any order.
        return b"".join(line + b"\n" for line in self.spoil(lines[::-1]))


def answer_to(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """An answer that repeats what was asked."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    model = body["model"]
    if url == "/v1/embeddings":
        data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
        return {"object": "list", "data": data, "model": model, "usage": usage}
    if url == "/v1/responses":
        usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        return {"id": "r", "object": "response", "output": [], "model": model, "usage": usage}
    if url == "/v1/completions":
        choice = {"index": 0, "text": body["prompt"], "finish_reason": "stop", "logprobs": None}
        return {"id": "c", "model": model, "choices": [choice], "usage": usage}
    text = body["messages"][-1]["content"]
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c", "model": model, "choices": [choice], "usage": usage}


def message_to(params: dict[str, Any]) -> dict[str, Any]:
    """A message of Anthropic's that repeats what was asked."""
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": params["model"],
        "content": [{"type": "text", "text": params["messages"][-1]["content"]}],
        "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }  # fmt: skip


@contextmanager
def serving(provider: FakeProvider) -> Iterator[str]:
    """The address of a server, as long as the block runs."""
    with ScriptedServer((provider,), record=False) as server:
        yield server.url


def _page(items: list[dict[str, Any]], query: dict[str, str], after: str = "after") -> Any:
    ids = [item["id"] for item in items]
    start = ids.index(query[after]) + 1 if after in query else 0
    end = start + int(query.get("limit", 20))
    page = items[start:end]
    return {
        "object": "list", "data": page, "has_more": end < len(items),
        "first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None,
    }  # fmt: skip


def _form(request: Request) -> dict[str, tuple[str, bytes]]:
    """The fields of a form, each with the name of its file."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + request.body)
    found = {}
    for part in message.get_payload():
        assert isinstance(part, Message)
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found[str(name)] = (part.get_filename() or "", content)
    return found
