"""The usage log on this machine, without what reading it takes.

Loading SQLAlchemy takes 0.2 s of CPU, more than all else that `llmring chat` does. So calls are
noted in an SQLite file by Python's own driver, where the tables stand as they should; making or
changing them, and PostgreSQL, is for the store itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC
from typing import TYPE_CHECKING, Any

from llmring.conversations.addresses import sqlite_path
from llmring.conversations.background_notes import in_thread
from llmring.conversations.kept_text import kept, kept_json
from llmring.conversations.opening import check_owner, open_store

if TYPE_CHECKING:
    from llmring.conversations.sql.store import SQLStore
    from llmring.conversations.types import UsageRecord

_TABLE = "llmring_usage"
#: Marks a file as ours ("LLMr"), so that no other program's database is written to.
APPLICATION_ID = 0x4C4C4D72
#: Longest wait for another process that writes, in seconds.
_BUSY_S = 10.0
_COLUMNS = (
    "owner", "id", "timestamp", "model", "provider", "input_tokens", "output_tokens",
    "cached_input_tokens", "cost", "origin", "alias", "profile", "id_at_origin", "conversation_id",
    "metadata",
)  # fmt: skip
_INSERT = (
    f"INSERT INTO {_TABLE} ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    " ON CONFLICT DO NOTHING"
)


class LocalUsage:
    """Where calls are noted in a database; a `UsageSink`.

    :param url: as `database_url` gives it.
    :param owner: whose they are.
    :raises ConfigurationError: the owner cannot be one.
    """

    def __init__(self, url: str, owner: str) -> None:
        check_owner(owner)
        self._url = url
        self._owner = owner
        self._store: SQLStore | None = None

    async def add_usage(self, records: Sequence[UsageRecord]) -> None:
        """Add records: all of them, or none. One whose id is there already is left out."""
        rows = [usage_row(record, self._owner) for record in records]
        if self._store is None and await in_thread(lambda: add_rows(self._url, rows)):
            return
        store = self._store
        if store is None:
            store = await in_thread(lambda: open_store(self._url, self._owner))
        if sqlite_path(self._url) is None:
            self._store = store
            await store.add_usage(records)
            return
        # The tables stand now, and the next records go by the short way.
        try:
            await store.add_usage(records)
        finally:
            await store.close()

    async def close(self) -> None:
        """Free what it holds. Repeatable."""
        store, self._store = self._store, None
        if store is not None:
            await store.close()


def usage_row(record: UsageRecord, owner: str) -> list[Any]:
    """The values of `_COLUMNS`, as the store itself writes them."""
    values: dict[str, Any] = {
        name: kept(value) if isinstance(value, str) else value for name, value in record
    }
    values["owner"] = kept(owner)
    values["timestamp"] = record.timestamp.astimezone(UTC).isoformat(timespec="microseconds")
    values["metadata"] = kept_json(record.metadata)
    for name in ("id", "conversation_id"):
        values[name] = None if values[name] is None else values[name].hex
    return [values[name] for name in _COLUMNS]


def add_rows(url: str, rows: Sequence[Sequence[Any]]) -> bool:
    """Add rows to an SQLite file. :return: False where that is for the store itself."""
    import sqlite3

    path = sqlite_path(url)
    if path is None or not path.is_file():
        return False
    try:
        with closing(
            sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=_BUSY_S,
                isolation_level=None,
            )
        ) as connection:
            if not _is_ready(connection):
                return False
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT, rows)
            connection.execute("COMMIT")
    except sqlite3.Error:
        # The store tries again, and tells what is wrong.
        return False
    return True


def _is_ready(connection: Any) -> bool:
    """Whether the file is ours, and the table is the one that we know."""

    def first(statement: str) -> Any:
        return connection.execute(statement).fetchone()[0]

    columns = {row[1] for row in connection.execute(f"PRAGMA table_info({_TABLE})")}
    return (
        first("PRAGMA application_id") == APPLICATION_ID
        and first("PRAGMA journal_mode") == "wal"
        and columns == set(_COLUMNS)
    )
