"""Conversations in SQLite: one file for many of them, shared by threads and processes.

A turn is one transaction, and is on the disk before `append` returns (write-ahead log, synced at
every commit): what was acknowledged survives kill -9 and a power cut. Messages that left the window
of memory are marked and stay, so that the file holds everything that was said.

Text is kept exactly, and only ever handed to SQLite as a parameter.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pydantic_core import from_json

from LLM.exceptions import LLMConfigError
from local_llm_kit.exceptions import StoreError

#: Longest wait for another process that writes, in seconds.
BUSY_S = 10.0
MAX_NAME_CHARS = 200

_VERSION = 1
# Marks the file as ours ("LKcv"), so that no other program's database is written to.
_APPLICATION_ID = 0x4C4B6376
_SCHEMA = (
    """CREATE TABLE conversations (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, note TEXT
    ) STRICT""",
    """CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        created REAL NOT NULL, key BLOB NOT NULL, body TEXT NOT NULL,
        instructs INTEGER NOT NULL, in_window INTEGER NOT NULL DEFAULT 1
    ) STRICT""",
    "CREATE INDEX messages_of ON messages (conversation, id)",
    "CREATE INDEX windows ON messages (conversation, id) WHERE in_window",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_VERSION}",
)
_ADVICE = {
    "SQLITE_FULL": "the disk is full; make room and call again",
    "SQLITE_BUSY": f"another process kept it locked for {BUSY_S:g} s; call again",
    "SQLITE_NOTADB": "it is no file of conversations; name another file",
    "SQLITE_CORRUPT": "it is damaged; restore a copy of it, or name another file",
    "SQLITE_READONLY": "it cannot be written; check its permissions, or name another file",
    "SQLITE_CANTOPEN": "it cannot be opened; check the path and its permissions",
}

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A message to store, or one that was.

    :param body: the message as OpenAI's API has it, as JSON text.
    :param key: digest of what the message says, for recognising it.
    :param instructs: it came as a call's system message, and gives way to those of a later call.
    :param id: its place among all messages; 0 before it is stored.
    """

    body: str
    key: bytes
    instructs: bool = False
    id: int = 0

    @property
    def message(self) -> Message:
        """The message, made anew each time, so that callers may change what they get."""
        message: Message = from_json(self.body)
        return message


@dataclass(frozen=True, slots=True)
class Window:
    """What of a conversation is in memory.

    :param entries: messages, oldest first.
    :param note: summary of turns that have left; None when there is none.
    """

    entries: list[Entry]
    note: str | None


class MemoryStore:
    """Conversations in a file, or in this process's memory alone. Safe for many threads.

    :param path: the file; it and its folder are made when missing, readable to their owner alone.
        None keeps everything in memory.
    :raises StoreError: it is another program's file, damaged, of a newer version, or locked.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = _absolute(path)
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._closed = False
        with self._errors():
            self._db = self._connect()
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def is_at(self, path: str | os.PathLike[str] | None) -> bool:
        """Whether this store is open, and is the one of `path`."""
        return not self._closed and self._pid == os.getpid() and self.path == _absolute(path)

    def conversation(self, name: str) -> int:
        """Number of the conversation called `name`, which is begun when there is none.

        :raises LLMConfigError: the name is empty, too long, or not text.
        """
        _check_name(name)
        query = "SELECT id FROM conversations WHERE name = ?"
        with self._lock:
            if not (found := self._rows(query, name)):
                with self._transaction() as db:
                    db.execute("INSERT OR IGNORE INTO conversations (name) VALUES (?)", (name,))
                found = self._rows(query, name)
            return int(found[0][0])

    def names(self) -> list[str]:
        """Names of the conversations in which something was said, the latest first."""
        return [
            name
            for (name,) in self._rows(
                "SELECT name FROM conversations c JOIN messages m ON m.conversation = c.id "
                "GROUP BY c.id ORDER BY max(m.id) DESC"
            )
        ]

    def append(self, conversation: int, entries: Sequence[Entry]) -> bool:
        """Add messages, all or none; they are on the disk when this returns.

        Entries that instruct take those of earlier calls out of the window.

        :return: False when the conversation was cleared meanwhile, or the store closed.
        :raises StoreError: nothing was stored.
        """
        now = time.time()
        rows = [(conversation, now, one.key, one.body, one.instructs) for one in entries]
        with self._lock:
            if self._closed:
                return False
            with self._transaction() as db:
                if not self._rows("SELECT 1 FROM conversations WHERE id = ?", conversation):
                    return False
                if any(one.instructs for one in entries):
                    db.execute(
                        "UPDATE messages SET in_window = 0 WHERE conversation = ? AND instructs",
                        (conversation,),
                    )
                db.executemany(
                    "INSERT INTO messages (conversation, created, key, body, instructs) "
                    "VALUES (?, ?, ?, ?, ?)",
                    rows,
                )
        return True

    def window(self, conversation: int) -> Window:
        """What of a conversation is in memory; instructions first."""
        with self._lock:
            notes = self._rows("SELECT note FROM conversations WHERE id = ?", conversation)
            rows = self._rows(
                "SELECT id, body, key, instructs FROM messages WHERE conversation = ? "
                "AND in_window ORDER BY instructs DESC, id",
                conversation,
            )
        entries = [Entry(body, key, bool(instructs), id_) for id_, body, key, instructs in rows]
        return Window(entries, notes[0][0] if notes else None)

    def shrink(self, conversation: int, dropped: Sequence[int], note: str | None) -> bool:
        """Take messages out of the window, and put a note in the place of the last one.

        :param dropped: ids of the messages; they stay in the history.
        :return: False when another process had dropped one of them: then nothing was done.
        """
        with self._transaction() as db:
            for id_ in dropped:
                found = db.execute(
                    "UPDATE messages SET in_window = 0 WHERE id = ? AND in_window", (id_,)
                )
                if not found.rowcount:
                    db.execute("ROLLBACK")
                    return False
            db.execute("UPDATE conversations SET note = ? WHERE id = ?", (note, conversation))
        return True

    def last_keys(self, conversation: int, n_messages: int) -> list[bytes]:
        """Keys of the last messages of a conversation, oldest first, instructions left out."""
        rows = self._rows(
            "SELECT key FROM messages WHERE conversation = ? AND NOT instructs "
            "ORDER BY id DESC LIMIT ?",
            conversation,
            n_messages,
        )
        return [key for (key,) in reversed(rows)]

    def history(self, conversation: int) -> list[Message]:
        """Everything that was said in a conversation, oldest first."""
        rows = self._rows(
            "SELECT body FROM messages WHERE conversation = ? ORDER BY id", conversation
        )
        return [from_json(body) for (body,) in rows]

    def clear(self, conversation: int) -> None:
        """Forget a conversation, on the disk too."""
        with self._transaction() as db:
            db.execute("DELETE FROM conversations WHERE id = ?", (conversation,))
        with self._lock, self._errors():
            # What was deleted stands in the log until then.
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file; repeatable. A forked child leaves its parent's file alone."""
        with self._lock:
            if not self._closed and self._pid == os.getpid():
                self._closed = True
                self._db.close()

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._lock, self._errors():
            self._require_open()
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors():
            self._require_open()
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                if self._db.in_transaction:
                    self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _connect(self) -> sqlite3.Connection:
        where = ":memory:"
        if self.path is not None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.path.touch(mode=0o600)
            except ValueError as err:
                self._fail("that is no path of a file; name another", err)
            where = str(self.path)
        return sqlite3.connect(where, timeout=BUSY_S, check_same_thread=False, isolation_level=None)

    def _prepare(self) -> None:
        """Make or check the tables; another program's file is left as it is."""
        self._check_owner()
        (mode,) = self._log_ahead()
        if self.path is not None and mode != "wal":
            self._fail("its file system cannot be shared safely; name a file on a local disk")
        for setting in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            self._db.execute(f"PRAGMA {setting}")
        with self._transaction() as db:
            if not self._pragma("user_version"):
                for statement in _SCHEMA:
                    db.execute(statement)

    def _check_owner(self) -> None:
        # In one transaction: another process may be making the tables.
        self._db.execute("BEGIN")
        owner, version = self._pragma("application_id"), self._pragma("user_version")
        tables = self._db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
        self._db.execute("COMMIT")
        if owner != _APPLICATION_ID and (owner or version or tables):
            self._fail("it is another program's database; name another file")
        if version > _VERSION:
            self._fail(f"a newer llm-kit wrote it (version {version}); upgrade llm-kit")

    def _log_ahead(self) -> tuple[str]:
        """Turn to write-ahead logging, for which SQLite does not itself wait on other processes."""
        deadline = time.monotonic() + BUSY_S
        while True:
            try:
                row: tuple[str] = self._db.execute("PRAGMA journal_mode = WAL").fetchone()
                return row
            except sqlite3.OperationalError as err:
                if err.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def _require_open(self) -> None:
        if self._pid != os.getpid():
            self._fail("it was opened before this process was forked; enable memory again here")
        if self._closed:
            self._fail("it was closed; enable memory again")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """SQLite's and the system's errors as `StoreError`."""
        try:
            yield
        except sqlite3.Error as err:
            # Extended codes (SQLITE_READONLY_DBMOVED) begin with the plain ones.
            name = "_".join(getattr(err, "sqlite_errorname", "").split("_")[:2])
            self._fail(_ADVICE.get(name, f"{err}; name another file"), err)
        except OSError as err:
            self._fail(f"{err.strerror}; check the path and its permissions", err)

    def _fail(self, problem: str, cause: Exception | None = None) -> NoReturn:
        where = "memory" if self.path is None else repr(str(self.path))
        raise StoreError(f"cannot use the conversations in {where}: {problem}") from cause


def _absolute(path: str | os.PathLike[str] | None) -> Path | None:
    return None if path is None else Path(path).expanduser().absolute()


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARS:
        shown = f"{len(name)} characters long" if isinstance(name, str) else type(name).__name__
        raise LLMConfigError(
            f"conversation is {shown}; give a name of 1 to {MAX_NAME_CHARS} characters"
        )
    try:
        name.encode()
    except UnicodeEncodeError:
        raise LLMConfigError(
            "conversation holds half of a surrogate pair, which is not text; give another name"
        ) from None
