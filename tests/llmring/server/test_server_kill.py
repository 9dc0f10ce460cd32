"""What the server acknowledged is there after kill -9, as a whole, on both databases."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from tests.llmring.server.servers import ADMIN_KEY, Client

ROOT = Path(__file__).resolve().parents[3]
N_WRITERS, N_ROUNDS = 3, 3


def started(database_url: str) -> tuple[subprocess.Popen[str], str]:
    """The server in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "llmring", "server", "start", "--port", "0",
         "--database", database_url],
        stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "LLMRING_ADMIN_KEY": ADMIN_KEY},
    )  # fmt: skip
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("serving "), line
    return process, line.split()[-1]


def write(client: Client, conversation: str, told: list[str], wrote: threading.Event) -> None:
    """Write turns and calls until the server is gone, and note those that it acknowledged."""
    path = f"/conversations/{conversation}/messages/batch"
    while True:
        name = uuid4().hex
        turn = [{"role": "user", "content": name + " ?" * 2000},
                {"role": "assistant", "content": name, "output_tokens": 1}]  # fmt: skip
        try:
            client.post(path, {"messages": turn})
            client.post("/log", {"id": name, "model": "m", "provider": "p"})
        except requests.RequestException:
            return
        told.append(name)
        wrote.set()


@pytest.mark.slow
def test_no_acknowledged_write_is_lost_when_the_server_is_killed(database_url: str) -> None:
    told: list[str] = []
    key = conversation = ""
    for number in range(N_ROUNDS):
        process, url = started(database_url)
        with process:
            try:
                key = key or Client(url, ADMIN_KEY).post("/keys", {})["key"]
                client = Client(url, key)
                conversation = conversation or client.post("/conversations", {})["id"]
                events = [threading.Event() for _ in range(N_WRITERS)]
                writers = [
                    threading.Thread(target=write, args=(client, conversation, told, event))
                    for event in events
                ]
                for writer in writers:
                    writer.start()
                assert all(event.wait(30) for event in events)
                time.sleep(0.1 + 0.2 * number)
            finally:
                process.kill()
            for writer in writers:
                writer.join(40)
    process, url = started(database_url)
    with process:
        try:
            check(Client(url, key), conversation, told)
        finally:
            process.kill()
    assert len(told) >= N_WRITERS * N_ROUNDS


def check(client: Client, conversation: str, told: list[str]) -> None:
    """All that was acknowledged is there, and nothing of a turn without the rest."""
    messages, before = [], 2**40
    while page := client.get(f"/conversations/{conversation}/messages", limit=1000, before=before):
        messages, before = page + messages, page[0]["position"]
    questions, answers = messages[::2], messages[1::2]
    kept = [one["content"] for one in answers]
    assert [one["content"].partition(" ?")[0] for one in questions] == kept
    assert set(told) <= set(kept)
    assert len(set(kept)) == len(kept)
    assert client.get(f"/conversations/{conversation}")["message_count"] == len(messages)
    logged = {one["id"].replace("-", "") for n in range(9)
              for one in client.get("/usage", limit=1000, offset=1000 * n)}  # fmt: skip
    assert set(told) <= logged <= set(kept)
