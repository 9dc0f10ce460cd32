"""The SQLite file under a store of conversations: opening it safely, and its errors by name.

Several processes may open, write and read it at once. What cannot be used is a `StoreError` that
says what to do, and is left as it was.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from LLM.exceptions import LLMConfigError
from local_llm_kit.exceptions import StoreError

#: Longest wait for another process that writes, in seconds.
BUSY_S = 10.0

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


class MemoryFile:
    """A connection with the tables of conversations. Safe for many threads.

    :param path: the file; it and its folder are made when missing, readable to their owner alone.
        None keeps everything in this process's memory.
    :raises StoreError: it is another program's file, damaged, of a newer version, or locked.
    :raises LLMConfigError: the path is no text.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = _absolute(path)
        self._pid = os.getpid()
        #: Held by whoever does several things in one step.
        self.lock = threading.RLock()
        with self._errors():
            self._db = self._connect()
            self._finalizer = weakref.finalize(self, _close, self._db, self._pid)
            try:
                self._prepare()
            except BaseException:
                self.close()
                raise

    def is_at(self, path: str | os.PathLike[str] | None) -> bool:
        """Whether this file is open, and is the one at `path`."""
        return not self.closed and self._pid == os.getpid() and self.path == _absolute(path)

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What a query gives.

        :param values: what stands for its question marks.
        :raises StoreError: the file cannot be read, or was closed.
        """
        with self.lock, self._errors():
            self._require_open()
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is done within, or nothing; on the disk when the block ends.

        :raises StoreError: the file cannot be written, or was closed.
        """
        with self.lock, self._errors():
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

    def refuse_damaged(self, cause: Exception) -> NoReturn:
        """:raises StoreError: something stands in the file that was not written there."""
        self._fail(_ADVICE["SQLITE_CORRUPT"], cause)

    def pragma(self, name: str) -> int:
        """A number among SQLite's settings."""
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def close(self) -> None:
        """Close the file; repeatable. A forked child leaves its parent's file alone."""
        with self.lock:
            self._finalizer()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return not self._finalizer.alive

    def _connect(self) -> sqlite3.Connection:
        where = ":memory:"
        if self.path is not None:
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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
        with self.transaction() as db:
            if not self.pragma("user_version"):
                for statement in _SCHEMA:
                    db.execute(statement)

    def _check_owner(self) -> None:
        # In one transaction: another process may be making the tables.
        self._db.execute("BEGIN")
        owner, version = self.pragma("application_id"), self.pragma("user_version")
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

    def _require_open(self) -> None:
        if self._pid != os.getpid():
            self._fail("it was opened before this process was forked; enable memory again here")
        if self.closed:
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


def _close(db: sqlite3.Connection, pid: int) -> None:
    if os.getpid() == pid:
        db.close()


def _absolute(path: str | os.PathLike[str] | None) -> Path | None:
    if path is None:
        return None
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise LLMConfigError(f"path is {path!r}; give the path of a file as text, or None")
    return Path(os.path.expanduser(text)).absolute()
