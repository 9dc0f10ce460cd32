"""How many requests the llmring server answers in a second.

    python bench/llmring_server.py [--clients 16] [--seconds 5] [--database URL]

The server runs in a process of its own, the clients in threads of this one, each with a connection
that stays open. Both share the machine's cores.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

ADMIN_KEY = "the-key-of-the-benchmark"
ROOT = Path(__file__).resolve().parent.parent


class Client:
    """One connection."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: object = None) -> dict[str, str]:
        data = None if body is None else json.dumps(body)
        self._connection.request(method, f"/api/v1{path}", data, self._headers)
        answer = self._connection.getresponse()
        found: dict[str, str] = json.loads(answer.read())
        assert answer.status < 300, found
        return found


def measure(
    url: str, key: str, n: int, seconds: float, method: str, path: str, body: object
) -> str:
    times: list[float] = []
    end = time.perf_counter() + seconds

    def run() -> None:
        client = Client(url, key)
        while (began := time.perf_counter()) < end:
            client.ask(method, path, body)
            times.append(time.perf_counter() - began)

    threads = [threading.Thread(target=run) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    median, last = statistics.median(times), statistics.quantiles(times, n=100)[98]
    return (
        f"{len(times) / seconds:7.0f}/s  median {median * 1e3:6.1f} ms  99 % {last * 1e3:6.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--database")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = options.database or f"{folder}/server.sqlite"
        process = subprocess.Popen(
            [sys.executable, "-m", "llmring", "server", "start", "--port", "0",
             "--database", database],
            stderr=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "LLMRING_ADMIN_KEY": ADMIN_KEY},
        )  # fmt: skip
        assert process.stderr is not None
        try:
            url = process.stderr.readline().split()[-1]
            key = Client(url, ADMIN_KEY).ask("POST", "/keys", {})["key"]
            client = Client(url, key)
            made = client.ask("POST", "/conversations", {"title": "Boats"})["id"]
            turn = {"messages": [{"role": "user", "content": "Is it red? " * 20},
                                 {"role": "assistant", "content": "It is. " * 50}]}  # fmt: skip
            for _ in range(50):
                client.ask("POST", f"/conversations/{made}/messages/batch", turn)
            call = {"model": "gpt-4o", "provider": "openai", "input_tokens": 1000}
            one = f"/conversations/{made}"
            for method, path, body in (
                ("GET", "/keys/current", None),
                ("POST", "/log", call),
                ("POST", f"{one}/messages/batch", turn),
                ("GET", one, None),
                ("GET", f"{one}/messages?limit=100", None),
                ("GET", "/conversations", None),
                ("GET", "/logs?limit=100", None),
                ("GET", "/stats", None),
            ):
                told = measure(url, key, options.clients, options.seconds, method, path, body)
                print(f"{method:4} {path.replace(made, '{id}'):40} {told}", flush=True)
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
