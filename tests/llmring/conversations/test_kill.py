"""What was acknowledged is there after kill -9, as a whole, however often it happens."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from llmring.conversations import open_store
from tests.llmring.conversations.stores import BlockingStore
from tests.llmring.postgres import PostgresServer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
WRITER = Path(__file__).with_name("writer.py")
N_WRITERS, N_ROUNDS = 3, 4


class Writers:
    """Processes that write into one conversation, and what they have told."""

    def __init__(self, database_url: str, conversation: UUID, number: int) -> None:
        self.names = [f"w{number}.{n}" for n in range(N_WRITERS)]
        self._processes = [
            subprocess.Popen(
                [sys.executable, str(WRITER), database_url, str(conversation), name],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            for name in self.names
        ]

    def kill_after(self, seconds: float, also: Callable[[], None] | None = None) -> list[str]:
        """Kill all, that long after each has written.

        :param also: kills something else just before.
        :return: the turns that were acknowledged.
        """
        firsts = [process.stdout.readline() for process in self._processes if process.stdout]
        time.sleep(seconds)
        if also is not None:
            also()
        for process in self._processes:
            process.kill()
        told = []
        for name, first, process in zip(self.names, firsts, self._processes, strict=True):
            rest, errors = process.communicate()
            assert also or process.returncode == -signal.SIGKILL, errors.decode()
            # The last line may be cut off; then nobody was told.
            lines = (first + rest).decode().split("\n")[:-1]
            told += [f"{name} {line}" for line in lines]
        return told


def check(store: BlockingStore, conversation: UUID, told: list[str]) -> None:
    """All that was acknowledged is there, and nothing of a turn without the rest."""
    messages = store.messages(conversation)
    assert [message.position for message in messages] == list(range(1, len(messages) + 1))
    questions, answers = messages[::2], messages[1::2]
    assert [one.content.partition(" ?")[0] for one in questions] == [one.content for one in answers]
    kept = [one.content for one in answers]
    assert len(set(kept)) == len(kept)
    assert set(told) <= set(kept)
    conversation_row = store.get_conversation(conversation)
    assert conversation_row.message_count == len(messages)
    assert conversation_row.output_tokens == len(answers)
    logged = {
        record.id_at_origin for n in range(20) for record in store.usage(None, 1000, 1000 * n)
    }
    assert set(told) <= logged <= set(kept)


def test_no_acknowledged_turn_is_lost_when_writers_are_killed(
    database_url: str, open_new: Callable[[], BlockingStore]
) -> None:
    store = open_new()
    made, told = store.begin(), []
    for number in range(N_ROUNDS):
        told += Writers(database_url, made.id, number).kill_after(0.1 + number * 0.15)
        check(store, made.id, told)
    assert len(told) > N_WRITERS * N_ROUNDS
    if database_url.startswith("sqlite"):
        with sqlite3.connect(database_url.removeprefix("sqlite:///")) as file:
            assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        file.close()


def test_no_acknowledged_turn_is_lost_when_the_server_is_killed(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    store = BlockingStore(open_store(url, "ada"))
    made = store.begin()
    writers = Writers(url, made.id, 0)
    told = writers.kill_after(0.3, postgres.kill)
    postgres.restart()
    check(store, made.id, told)
    store.close()
