"""Engines of SQLAlchemy, set so that what was acknowledged is on the disk.

SQLite: write-ahead log, synchronous=FULL, and transactions that write take the lock when they
begin, so that none fails half-way for another's sake. PostgreSQL: the server's own settings, but
that a commit is never acknowledged before it is on the disk.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from llmring.conversations.local_usage import APPLICATION_ID
from llmring.conversations.sql.errors import Unusable
from llmring.exceptions import ConfigurationError

#: Longest wait for another process that writes, in seconds.
BUSY_S = 10.0
#: The option of an engine whose transactions write.
WRITES = "llmring_writes"

_SYNC = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)


def parsed_url(url: str) -> URL:
    """The address.

    :raises ConfigurationError: it is none; it is not told, since it may hold a password.
    """
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        problem = (
            "the database's address cannot be read; write postgresql://USER:PASSWORD@HOST/NAME"
        )
    raise ConfigurationError(problem)


def new_engine(url: URL) -> AsyncEngine:
    """An engine; nothing is opened yet.

    :raises ModuleNotFoundError: the database's driver is not installed.
    """
    settings: dict[str, Any] = {"hide_parameters": True, "pool_timeout": BUSY_S}
    if url.get_backend_name() == "postgresql":
        engine = create_async_engine(
            url, pool_pre_ping=True, connect_args={"connect_timeout": int(BUSY_S)}, **settings
        )
        event.listen(engine.sync_engine, "connect", _set_up_postgres)
        return engine
    in_memory = not url.database or url.database == ":memory:"
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        # Each connection to memory is a database of its own.
        pool_size=1 if in_memory else 5,
        max_overflow=0,
        connect_args={"timeout": BUSY_S},
        **settings,
    )
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def make_private_file(url: URL) -> None:
    """Make SQLite's file, readable to its owner alone, and its folder."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return
    path = Path(url.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver would begin and end transactions by itself.
    connection.isolation_level = None
    connection.run_async(_prepare_sqlite)


async def _prepare_sqlite(connection: Any) -> None:
    try:
        await _set(connection)
    except BaseException:
        await connection.close()
        raise


async def _set(connection: Any) -> None:
    """Set a connection; another program's file is left as it is."""
    await connection.execute("BEGIN")  # another process may be making the tables
    (owner,) = await _row(connection, "PRAGMA application_id")
    (tables,) = await _row(connection, "SELECT count(*) FROM sqlite_schema")
    await connection.execute("COMMIT")
    if owner != APPLICATION_ID and (owner or tables):
        raise Unusable("it is another program's database; name another file")
    (mode,) = await _log_ahead(connection)
    if mode not in ("wal", "memory"):
        raise Unusable("its file system cannot be shared safely; name a file on a local disk")
    for setting in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
        await connection.execute(f"PRAGMA {setting}")
    await connection.create_function("casefold", 1, _folded, deterministic=True)


async def _log_ahead(connection: Any) -> Any:
    """Turn to write-ahead logging, for which SQLite does not itself wait on other processes."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BUSY_S
    while True:
        try:
            return await _row(connection, "PRAGMA journal_mode = WAL")
        except Exception as err:
            is_busy = getattr(err, "sqlite_errorname", "").startswith("SQLITE_BUSY")
            if not is_busy or loop.time() > deadline:
                raise
        await asyncio.sleep(0.01)


async def _row(connection: Any, statement: str) -> Any:
    async with connection.execute(statement) as cursor:
        return await cursor.fetchone()


def _folded(text: object) -> str | None:
    return text.casefold() if isinstance(text, str) else None


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_up_postgres(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(_SYNC)
    cursor.close()
    connection.commit()
