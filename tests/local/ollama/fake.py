"""An Ollama server on loopback that plays what a test scripts, and remembers what it was asked."""

from __future__ import annotations

import json
import select
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSONObject = dict[str, Any]

SHOWN: JSONObject = {
    "parameters": 'stop                           "<|im_end|>"\nnum_ctx                        512',
    "template": "{{ .Prompt }}",
    "capabilities": ["completion", "tools", "embedding"],
    "model_info": {
        "general.architecture": "llama",
        "general.parameter_count": 917_504,
        "llama.context_length": 2048,
        "llama.embedding_length": 4,
    },
}


class Hold:
    """Stands in a script where the server waits until the client leaves or `release` is called."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.left = threading.Event()
        self._released = threading.Event()

    def release(self) -> None:
        self._released.set()

    def wait(self, connection: Any) -> None:
        self.reached.set()
        while not self._released.is_set():
            if select.select([connection], [], [], 0.005)[0]:
                self.left.set()
                return


CUT = object()
#: What a script is made of: bytes to send at once, a `Hold`, or `CUT` to end amid the body.
Step = Any


@dataclass
class Script:
    """An answer: status, headers, and the steps of its body."""

    steps: Iterable[Step] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def ndjson(*objects: Any, size: int | None = None) -> list[bytes]:
    """Objects as lines; in pieces of `size` bytes, else a line each."""
    lines = [json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in objects]
    if size is None:
        return lines
    data = b"".join(lines)
    return [data[i : i + size] for i in range(0, len(data), size)]


def said(*texts: str, **end: Any) -> list[JSONObject]:
    """A chat's stream of texts with its end."""
    parts = [{"message": {"role": "assistant", "content": text}, "done": False} for text in texts]
    return [*parts, done(**end)]


def done(**fields: Any) -> JSONObject:
    """The object that ends a stream."""
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3}
    return end | {"message": {"role": "assistant", "content": ""}, "response": ""} | fields


class FakeOllama:
    """The server; scripts are played once each, in order, then what Ollama would say."""

    def __init__(self) -> None:
        self.models: dict[str, JSONObject] = {"tiny:latest": SHOWN, "tiny": SHOWN}
        self.asked: list[tuple[str, JSONObject]] = []
        self.headers: list[dict[str, str]] = []
        self.n_connections = 0
        self._scripts: dict[str, list[Script]] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def script(self, path: str, *steps: Step, **fields: Any) -> None:
        """Play this as the next answer of a path."""
        self._scripts.setdefault(path, []).append(Script(steps, **fields))

    def bodies(self, path: str) -> list[JSONObject]:
        """What a path was asked."""
        return [body for at, body in self.asked if at == path]

    def answer(self, path: str, body: JSONObject) -> Script:
        with self._lock:
            self.asked.append((path, body))
            scripts = self._scripts.get(path)
            if scripts:
                return scripts.pop(0)
        return self._ordinary(path, body)

    def _ordinary(self, path: str, body: JSONObject) -> Script:
        if path == "/api/tags":
            return Script(ndjson({"models": [{"model": name} for name in self.models]}))
        if body.get("model") not in self.models:
            error = {"error": f"model '{body.get('model')}' not found"}
            return Script(ndjson(error), status=404)
        if path == "/api/delete":
            del self.models[body["model"]]
            return Script()
        if path == "/api/show":
            return Script(ndjson(self.models[body["model"]]))
        if path == "/api/embed":
            vectors = [[float(i), 0.5, 0.0, 0.0] for i in range(len(body["input"]))]
            return Script(ndjson({"embeddings": vectors, "prompt_eval_count": 5}))
        if path == "/api/generate":
            return Script(ndjson({"response": "a text"}, done()))
        return Script(ndjson(*said("Hello", " there")))

    def _handler(fake: FakeOllama) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                fake.n_connections += 1

            def do_GET(self) -> None:
                self._play({})

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                self._play(json.loads(self.rfile.read(length)))

            def do_DELETE(self) -> None:
                self.do_POST()

            def _play(self, body: JSONObject) -> None:
                fake.headers.append({name.lower(): value for name, value in self.headers.items()})
                script = fake.answer(self.path, body)
                self.send_response(script.status)
                for name, value in script.headers.items():
                    self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for step in script.steps:
                    if not self._step(step):
                        self.close_connection = True
                        return
                with suppress(OSError):  # the client may have left with the last line
                    self.wfile.write(b"0\r\n\r\n")

            def _step(self, step: Step) -> bool:
                if step is CUT:
                    return False
                if isinstance(step, Hold):
                    step.wait(self.connection)
                    return not step.left.is_set()
                try:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(step), step))
                except OSError:  # the client has left
                    return False
                return True

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        return Handler

    def run(self) -> None:
        self._server.serve_forever(poll_interval=0.01)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def fake_ollama() -> Iterator[FakeOllama]:
    """A server in a thread."""
    fake = FakeOllama()
    thread = threading.Thread(target=fake.run)
    thread.start()
    try:
        yield fake
    finally:
        fake.stop()
        thread.join()
