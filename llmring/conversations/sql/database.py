"""A database that holds stores: opening it, its transactions, its end."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from llmring import background
from llmring.conversations.sql.engines import WRITES, make_private_file, new_engine, parsed_url
from llmring.conversations.sql.errors import told_as_store_errors
from llmring.conversations.sql.upgrade import bring_up_to_date
from llmring.exceptions import StoreError

T = TypeVar("T")
#: Seconds that an operation may take, waiting for others included.
TIMEOUT_S = 30.0


@dataclass(slots=True)
class _Open:
    """An open database, in the process `pid`."""

    pid: int
    reader: AsyncEngine
    writer: AsyncEngine
    # SQLite has one writer at a time; those of a process need not find out by trying.
    turn: asyncio.Lock | None

    async def close(self) -> None:
        # A forked child leaves its parent's connections alone.
        await self.reader.dispose(close=self.pid == os.getpid())


@dataclass(frozen=True, slots=True)
class PoolNow:
    """A database's connections at the moment.

    :param n_max: most that are opened.
    :param n_operations: reads and writes under way, those that wait included.
    """

    n_used: int
    n_idle: int
    n_max: int
    n_operations: int


class SQLDatabase:
    """SQLite or PostgreSQL. Tasks and threads may share it; it is opened when first used.

    What is done in it runs in a loop of its own, so that its connections serve all loops.

    :param url: as `database_url` gives it.
    :param timeout_s: seconds that an operation may take.
    :raises ConfigurationError: the address cannot be read.
    :raises ModuleNotFoundError: the database's driver is not installed.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self._url = parsed_url(url)
        self._timeout_s = timeout_s
        #: The database, for people: the path of its file, or its address without its password.
        self.where = (
            self._url.database or ":memory:"
            if self.is_sqlite
            else self._url.render_as_string(hide_password=True)
        )
        self._first = new_engine(self._url)
        self._open: _Open | None = None
        self._opening: asyncio.Lock | None = None
        self._closed = False
        self._works: set[asyncio.Task[Any]] = set()

    def __repr__(self) -> str:
        return f"SQLDatabase({self.where!r})"

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite; PostgreSQL otherwise."""
        return self._url.get_backend_name() == "sqlite"

    def pool_now(self) -> PoolNow:
        """Its connections at the moment. From any thread."""
        engine = self._first if self._open is None else self._open.reader
        pool: Any = engine.pool
        n_max = pool.size() + max(0, pool._max_overflow)
        return PoolNow(pool.checkedout(), pool.checkedin(), n_max, len(self._works))

    async def read(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `work` gives, in a transaction that does not write.

        :raises StoreError: the database cannot be opened or read.
        """
        return await background.awaited(self._whole(self._run(work, writes=False)))

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `work` gives; all that it writes is there when this returns, or nothing of it.

        Who stops waiting does not stop the work.

        :raises StoreError: the database cannot be opened or written.
        """
        return await background.awaited(self._whole(self._run(work, writes=True)))

    async def prepare(self) -> None:
        """Open the database and bring its tables up to date, now instead of at the first use.

        :raises StoreError: it cannot be opened, or a newer llm-kit has written it.
        """
        await background.awaited(self._whole(self._prepare()))

    async def close(self) -> None:
        """Close all connections; nothing can be read or written any more. Repeatable."""
        self._closed = True
        await background.awaited(self._close())

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Have `work` run to its end, whoever waits for it.

        A statement that is cut off leaves SQLite's driver in the middle of a transaction.
        """
        task = asyncio.create_task(work)
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        return await asyncio.shield(task)

    async def _prepare(self) -> None:
        with self._errors():
            async with self._deadline():
                await self._opened()

    async def _run(self, work: Callable[[AsyncConnection], Awaitable[T]], *, writes: bool) -> T:
        with self._errors():
            async with self._deadline():
                database = await self._opened()
                async with self._connection(database, writes=writes) as connection:
                    return await work(connection)

    @asynccontextmanager
    async def _connection(self, database: _Open, *, writes: bool) -> AsyncIterator[AsyncConnection]:
        if not writes:
            async with database.reader.connect() as connection:
                yield connection
            return
        async with self._turn(database), database.writer.begin() as connection:
            yield connection

    @asynccontextmanager
    async def _turn(self, database: _Open) -> AsyncIterator[None]:
        if database.turn is None:
            yield
            return
        async with asyncio.timeout(self._timeout_s):
            await database.turn.acquire()
        try:
            yield
        finally:
            database.turn.release()

    def _deadline(self) -> asyncio.Timeout:
        # SQLite bounds each of its own waits.
        return asyncio.timeout(None if self.is_sqlite else self._timeout_s)

    async def _opened(self) -> _Open:
        if self._closed:
            raise StoreError(f"the database at {self.where} was closed; open it again")
        found = self._open
        if found is not None and found.pid == os.getpid():
            return found
        if found is not None:
            await found.close()
            self._open = self._opening = None
            self._works = set()
            self._first = new_engine(self._url)
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._open is None:
                make_private_file(self._url)
                writer = self._first.execution_options(**{WRITES: True})
                await bring_up_to_date(self._first, writer)
                turn = asyncio.Lock() if self.is_sqlite else None
                self._open = _Open(os.getpid(), self._first, writer, turn)
                # Holds what is open, so that a store that is dropped is closed, and not collected.
                weakref.finalize(self, _close_later, self._open).atexit = False
        return self._open

    async def _close(self) -> None:
        await asyncio.gather(*self._works, return_exceptions=True)
        found, self._open = self._open, None
        with self._errors():
            if found is not None:
                await found.close()
            else:
                await self._first.dispose()

    def _errors(self) -> AbstractContextManager[None]:
        return told_as_store_errors(self.where)


def _close_later(database: _Open) -> None:
    background.begin(database.close())
