"""Conversations in a file: nothing acknowledged is lost, nothing foreign is touched."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from LLM import LLMConfigError, LLMError
from local_llm_kit.exceptions import StoreError
from local_llm_kit.memory import ConversationMemory
from local_llm_kit.memory_store import Entry, MemoryStore
from tests.local.memory_support import count, say, turn

ROOT = Path(__file__).resolve().parents[2]
Open = Callable[..., MemoryStore]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "talk.db"


@pytest.fixture
def open_store(path: Path) -> Iterator[Open]:
    """Open the store, as often as need be; closed at the end."""
    opened: list[MemoryStore] = []

    def build(where: Path | None = path) -> MemoryStore:
        opened.append(MemoryStore(where))
        return opened[-1]

    yield build
    for store in opened:
        store.close()


def remembering(store: MemoryStore, size: int = 1000, **settings: Any) -> ConversationMemory:
    return ConversationMemory(size, count, store=store, **settings)


def test_a_conversation_goes_on_after_a_restart(open_store: Open) -> None:
    first = remembering(open_store(), 20)
    first.add([say("system", "s"), *turn(1), *turn(2)])
    first.store.close()
    second = remembering(open_store(), 20)
    assert second.messages == [say("system", "s"), *turn(1), *turn(2)]
    second.turn([say("user", "q3")]).commit(say("assistant", "a3"))
    assert second.history == [say("system", "s"), *turn(1), *turn(2), *second.messages[-2:]]


def test_what_is_acknowledged_is_synced(open_store: Open) -> None:
    store = open_store()
    assert store._file.rows("PRAGMA journal_mode") == [("wal",)]
    assert store._file.pragma("synchronous") == 2, "FULL"


def test_what_has_left_memory_stays_in_the_file(open_store: Open) -> None:
    memory = remembering(open_store(), 20, summarise=lambda _: "told")
    memory.add([message for number in range(9) for message in turn(number)])
    assert len(memory.messages) < 5
    assert len(remembering(open_store(), 1000).history) == 18
    assert remembering(open_store(), 1000).messages == memory.messages


def test_conversations_are_kept_apart_and_listed_latest_first(open_store: Open) -> None:
    store = open_store()
    work, home = (remembering(store, conversation=name) for name in ("work", "home"))
    work.add(turn(1))
    home.add(turn(2))
    assert (work.messages, home.messages) == (turn(1), turn(2))
    assert store.names() == ["home", "work"]
    work.add(turn(3))
    assert store.names() == ["work", "home"]
    work.clear()
    assert (work.history, home.history, store.names()) == ([], turn(2), ["home"])


@pytest.mark.parametrize(
    "text",
    ["' OR 1=1 --", "'; DROP TABLE messages; --", "NUL \x00 in it", "\U0001f600 é 漢", "%_\\"],
)
def test_any_text_is_kept_exactly_and_never_run(open_store: Open, text: str) -> None:
    memory = remembering(open_store(), conversation=text)
    memory.add([say("user", text)])
    remembering(memory.store, conversation="other").add(turn(1))
    assert memory.messages == [say("user", text)]
    assert memory.store.names() == ["other", text]


@pytest.mark.parametrize("name", ["", "x" * 201, "\ud800", None, 7], ids=repr)
def test_a_name_that_is_none_is_refused(open_store: Open, name: Any) -> None:
    with pytest.raises(LLMConfigError, match="conversation"):
        open_store().conversation(name)


def test_clearing_leaves_no_text_in_the_file(open_store: Open, path: Path) -> None:
    memory = remembering(open_store())
    memory.add([say("user", "a very private matter")])
    memory.clear()
    left = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"private" not in left


def test_others_may_not_read_the_file(open_store: Open, path: Path) -> None:
    open_store()
    assert [file.stat().st_mode & 0o077 for file in path.parent.iterdir()] == [0, 0, 0]


def test_others_may_not_look_into_the_folder_that_is_made_for_it(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "new" / "conversations.db")
    store.close()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def a_text(path: Path) -> None:
    path.write_bytes(b"these are my notes, not a database" * 100)


def a_database(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE accounts (name TEXT)")
    db.close()


def a_newer_version(path: Path) -> None:
    MemoryStore(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


def a_damaged_one(path: Path) -> None:
    store = MemoryStore(path)
    remembering(store).add(turn(1))
    store.close()
    pages = path.read_bytes()
    path.write_bytes(pages[:4096] + b"\xff" * (len(pages) - 4096))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (a_text, "no file of conversations; name another"),
        (a_database, "another program's database; name another"),
        (a_newer_version, r"newer llm-kit wrote it \(version 99\); upgrade"),
        (a_damaged_one, "damaged; restore a copy"),
        (Path.mkdir, "(directory|cannot be opened); check the path"),
    ],
    ids=["text", "database", "newer", "damaged", "folder"],
)
def test_a_file_that_cannot_be_used_is_refused_and_kept(
    tmp_path: Path, open_store: Open, make: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / "mine.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=reason) as caught:
        remembering(open_store(path)).add(turn(2))
    assert "mine.db" in str(caught.value)
    assert "q2" not in str(caught.value)
    assert isinstance(caught.value, LLMError)
    assert before == (path.read_bytes() if path.is_file() else None)


@pytest.mark.parametrize("name", ["nul\x00.db", "half\ud800.db"], ids=["NUL", "surrogate"])
def test_a_path_that_is_none_is_refused(open_store: Open, tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="no path of a file"):
        open_store(tmp_path / name)


def test_a_full_disk_loses_the_turn_whole_and_nothing_else(open_store: Open) -> None:
    memory = remembering(open_store(), 10_000)
    memory.add(turn(1))
    n_pages = memory.store._file.pragma("page_count")
    memory.store._file._db.execute(f"PRAGMA max_page_count = {n_pages}")
    with pytest.raises(StoreError, match="the disk is full; make room"):
        memory.add([*turn(2), *turn(3, n_words=3000)])
    assert memory.history == turn(1)
    memory.store._file._db.execute("PRAGMA max_page_count = 100000")
    memory.add(turn(2))
    assert memory.history == [*turn(1), *turn(2)]


def test_a_writer_that_is_locked_out_says_so(
    open_store: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = remembering(open_store())
    memory.store._file._db.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process kept it locked"):
        memory.add(turn(1))
    other.close()
    memory.add(turn(1))


def test_a_turn_of_a_closed_store_is_not_remembered(open_store: Open) -> None:
    memory = remembering(open_store())
    begun = memory.turn([say("user", "q1")])
    memory.store.close()
    memory.store.close()
    begun.commit(say("assistant", "a1"))
    with pytest.raises(StoreError, match="was closed; enable memory again"):
        memory.add(turn(1))
    assert remembering(open_store()).history == []


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_is_told_to_open_its_own(open_store: Open) -> None:
    memory = remembering(open_store())
    reading, writing = os.pipe()
    if not (child := os.fork()):
        try:
            memory.add(turn(1))
        except StoreError as err:
            os.write(writing, str(err).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert b"before this process was forked; enable memory again" in pipe.read()
    os.waitpid(child, 0)
    memory.add(turn(2))
    assert memory.history == turn(2)


def test_two_memories_of_one_conversation_see_each_others_turns(open_store: Open) -> None:
    one, two = (remembering(open_store(), 20) for _ in range(2))
    for number in range(4):
        memory = (one, two)[number % 2]
        memory.turn([say("user", f"q{number}")]).commit(say("assistant", f"a{number}"))
    assert one.messages == two.messages == [*turn_of(2), *turn_of(3)]


def turn_of(number: int) -> list[dict[str, Any]]:
    return [say("user", f"q{number}"), say("assistant", f"a{number}")]


def test_what_another_process_has_dropped_already_is_not_dropped_twice(open_store: Open) -> None:
    store = open_store()
    conversation = store.conversation("default")
    store.append(conversation, [Entry("{}", b"a"), Entry("{}", b"b")])
    assert store.shrink(conversation, [1], "first")
    assert not store.shrink(conversation, [1, 2], "second")
    assert store.window(conversation).note == "first"
    assert [entry.id for entry in store.window(conversation).entries] == [2]


def test_many_open_one_new_file_at_once(open_store: Open) -> None:
    barrier = threading.Barrier(8)

    def one(number: int) -> None:
        barrier.wait(10)
        remembering(open_store(), conversation=str(number)).add(turn(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    assert sorted(open_store().names()) == [str(number) for number in range(8)]


@pytest.mark.slow
def test_killed_writers_lose_no_acknowledged_turn(open_store: Open, path: Path) -> None:
    path.parent.mkdir()
    command = [sys.executable, str(Path(__file__).parent / "memory_writer.py"), str(path)]
    acknowledged = dict.fromkeys("abc", -1)
    draw = random.Random(7)
    for _ in range(4):
        writers = {
            name: subprocess.Popen([*command, name], cwd=ROOT, stdout=subprocess.PIPE, env=ENV)
            for name in acknowledged
        }
        for name, writer in writers.items():
            assert writer.stdout is not None
            for _ in range(draw.randrange(1, 60)):
                acknowledged[name] = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split(b"\n")[:-1]
            acknowledged[name] = int(rest[-1]) if rest else acknowledged[name]
            writer.wait()
            writer.stdout.close()
    for name, last in acknowledged.items():
        store = open_store()
        history = store.history(store.conversation(name))
        assert [message["n"] for message in history[::2]] == list(range(len(history) // 2))
        assert history[-1]["role"] == "bot", "a turn is stored whole"
        assert last < len(history) // 2 <= last + 2
    assert store._file._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


ENV = {**os.environ, "PYTHONPATH": str(ROOT)}
