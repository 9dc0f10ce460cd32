"""Response caches: answers by the digest of the whole request, in memory or on disk.

Both are opt-in, bounded in entries and bytes, drop the least recently used first, and expire.
A key digests method, address, credentials and body, so an answer never crosses accounts or servers.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from LLM.exceptions import LLMConfigError

if TYPE_CHECKING:
    import sqlite3

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, body BLOB NOT NULL, size INTEGER NOT NULL,
    stored REAL NOT NULL, used REAL NOT NULL
) WITHOUT ROWID;
-- It holds all that shrinking asks for: the bodies, which are most of the file, stay unread.
CREATE INDEX IF NOT EXISTS answers_by_use_and_size ON answers (used, size);
"""


def request_key(*parts: bytes) -> str:
    """:return: hexadecimal SHA-256 over the parts and their lengths, so that none run together."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


class ResponseCache(Protocol):
    """Where `LLM` keeps answers: bytes by key. Must be safe for many threads."""

    def get(self, key: str) -> bytes | None:
        """The answer stored under `key`, or None."""
        ...

    def put(self, key: str, body: bytes) -> None:
        """Store an answer."""
        ...


def _check_limits(ttl_s: float | None, max_entries: int, max_bytes: int) -> None:
    if (ttl_s is not None and not ttl_s > 0) or max_entries < 1 or max_bytes < 1:
        raise LLMConfigError(
            f"cache limits must be above 0: ttl_s={ttl_s!r}, max_entries={max_entries!r}, "
            f"max_bytes={max_bytes!r}"
        )


class MemoryCache:
    """Answers kept in this process.

    :param ttl_s: seconds after which an answer expires; None for never.
    :param max_entries: most answers kept.
    :param max_bytes: most bytes of answers kept; a larger single answer is not stored.
    :param clock: monotonic clock in seconds.
    :raises LLMConfigError: a limit is not above 0.
    """

    def __init__(
        self,
        *,
        ttl_s: float | None = 3600.0,
        max_entries: int = 1000,
        max_bytes: int = 64 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check_limits(ttl_s, max_entries, max_bytes)
        self.ttl_s = ttl_s
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> bytes | None:
        """The answer stored under `key`, or None when there is none or it has expired."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            stored, body = found
            if self.ttl_s is not None and self._clock() - stored > self.ttl_s:
                self._drop(key)
                return None
            self._entries.move_to_end(key)
            return body

    def put(self, key: str, body: bytes) -> None:
        """Store an answer, and drop the least recently used ones beyond the limits."""
        with self._lock:
            self._drop(key)
            if len(body) > self.max_bytes:
                return
            self._entries[key] = (self._clock(), body)
            self._size += len(body)
            while len(self._entries) > self.max_entries or self._size > self.max_bytes:
                self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._size = 0

    def _drop(self, key: str) -> None:
        _, body = self._entries.pop(key, (0.0, b""))
        self._size -= len(body)


class DiskCache:
    """Answers kept in one SQLite file, shared between processes and across restarts.

    The file holds the models' answers as plain text: it is made readable to its owner alone.

    :param path: the file; its folder is made when missing.
    :param ttl_s: seconds after which an answer expires; None for never.
    :param max_entries: most answers kept.
    :param max_bytes: most bytes of answers kept; a larger single answer is not stored.
    :param clock: wall clock in seconds since the epoch.
    :raises LLMConfigError: a limit is not above 0, or the file cannot be opened as a cache.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        ttl_s: float | None = 7 * 86_400.0,
        max_entries: int = 10_000,
        max_bytes: int = 256 * 1024 * 1024,
        clock: Callable[[], float] = time.time,
    ) -> None:
        _check_limits(ttl_s, max_entries, max_bytes)
        self.path = Path(path)
        self.ttl_s = ttl_s
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        import sqlite3  # costs 4 ms of import that few clients need

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
            db = sqlite3.connect(self.path, timeout=10.0, check_same_thread=False)
            db.execute("PRAGMA journal_mode=WAL")
            # A cache may lose its newest entries to a power cut, never its integrity.
            db.execute("PRAGMA synchronous=NORMAL")
            db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as err:
            raise LLMConfigError(
                f"cannot use {str(self.path)!r} as a cache: {err}; name another file, or delete it "
                "if it is damaged"
            ) from err
        return db

    def get(self, key: str) -> bytes | None:
        """The answer stored under `key`, or None when there is none or it has expired."""
        now = self._clock()
        with self._lock, self._db:
            row = self._db.execute(
                "SELECT body, stored FROM answers WHERE key = ?", (key,)
            ).fetchone()
            if row is None:
                return None
            body, stored = row
            if self.ttl_s is not None and now - stored > self.ttl_s:
                self._db.execute("DELETE FROM answers WHERE key = ?", (key,))
                return None
            self._db.execute("UPDATE answers SET used = ? WHERE key = ?", (now, key))
            return bytes(body)

    def put(self, key: str, body: bytes) -> None:
        """Store an answer, and drop the least recently used ones beyond the limits."""
        if len(body) > self.max_bytes:
            return
        now = self._clock()
        with self._lock, self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)",
                (key, body, len(body), now, now),
            )
            self._shrink()

    def _shrink(self) -> None:
        count, size = self._db.execute("SELECT count(*), total(size) FROM answers").fetchone()
        while count > self.max_entries or size > self.max_bytes:
            # A tenth more than needed, so that a full cache does not shrink at every put.
            oldest = self._db.execute(
                "SELECT key, size FROM answers ORDER BY used LIMIT ?",
                (max(1, count - self.max_entries, count // 10),),
            ).fetchall()
            self._db.executemany("DELETE FROM answers WHERE key = ?", [(k,) for k, _ in oldest])
            count -= len(oldest)
            size -= sum(s for _, s in oldest)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock, self._db:
            self._db.execute("DELETE FROM answers")

    def close(self) -> None:
        """Close the file. The cache cannot be used afterwards."""
        with self._lock:
            self._db.close()
