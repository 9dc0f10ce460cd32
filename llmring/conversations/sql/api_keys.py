"""API keys: their digests, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from llmring.conversations.checks import check_page
from llmring.conversations.sql.database import SQLDatabase
from llmring.conversations.sql.tables import api_keys
from llmring.conversations.types import now

# PostgreSQL's lock by which only one first key is made: "LLMk".
_LOCK = 0x4C4C4D6B


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key, without the key.

    :param digest: SHA-256 of it.
    :param hint: its last characters.
    :param revoked_at: from then on it opens nothing.
    """

    id: UUID
    owner: str
    name: str
    digest: bytes
    hint: str
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def opens(self, moment: datetime) -> bool:
        """Whether it is good at that time."""
        return self.revoked_at is None or moment < self.revoked_at


class SQLKeys:
    """The keys of all owners. Methods raise `StoreError` where the database cannot be used."""

    def __init__(self, database: SQLDatabase) -> None:
        self.database = database

    async def find(self, digest: bytes) -> KeyRow | None:
        """The key of that digest, revoked ones included."""
        query = select(api_keys).where(api_keys.c.digest == digest)

        async def work(connection: AsyncConnection) -> Row[Any] | None:
            return (await connection.execute(query)).first()

        row = await self.database.read(work)
        return None if row is None else KeyRow(**row._mapping)

    async def any(self) -> bool:
        """Whether a key was ever made."""
        return await self.database.read(_any)

    async def create(self, owner: str, name: str, digest: bytes, hint: str) -> KeyRow:
        """Keep a key."""
        made = KeyRow(uuid4(), owner, name, digest, hint, now())
        await self.database.write(lambda connection: _insert(connection, made))
        return made

    async def create_first(self, owner: str, name: str, digest: bytes, hint: str) -> KeyRow | None:
        """Keep a key if none was ever made. :return: None if one was."""
        made = KeyRow(uuid4(), owner, name, digest, hint, now())

        async def work(connection: AsyncConnection) -> KeyRow | None:
            if not self.database.is_sqlite:  # where one transaction at a time writes
                await connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
            if await _any(connection):
                return None
            await _insert(connection, made)
            return made

        return await self.database.write(work)

    async def rotate(self, old: KeyRow, digest: bytes, hint: str, grace_s: float) -> KeyRow:
        """Keep a key in place of another of the same owner and name.

        :param grace_s: seconds for which the old one is still good.
        """
        made = KeyRow(uuid4(), old.owner, old.name, digest, hint, now())
        end = made.created_at + timedelta(seconds=grace_s)

        async def work(connection: AsyncConnection) -> None:
            await _insert(connection, made)
            mine = (api_keys.c.owner == old.owner) & (api_keys.c.id == old.id)
            # One that ends sooner still does.
            later = api_keys.c.revoked_at.is_(None) | (api_keys.c.revoked_at > end)
            await connection.execute(update(api_keys).where(mine, later).values(revoked_at=end))

        await self.database.write(work)
        return made

    async def revoke(self, key: UUID, owner: str | None) -> bool:
        """Have a key open nothing any more. :return: whether it is there.

        :param owner: whose it must be; None for anybody's.
        """
        moment = now()
        which = api_keys.c.id == key
        if owner is not None:
            which &= api_keys.c.owner == owner
        later = api_keys.c.revoked_at.is_(None) | (api_keys.c.revoked_at > moment)

        async def work(connection: AsyncConnection) -> bool:
            found = (await connection.execute(select(api_keys.c.id).where(which))).first()
            if found is None:
                return False
            await connection.execute(update(api_keys).where(which, later).values(revoked_at=moment))
            return True

        return await self.database.write(work)

    async def page(self, owner: str | None, limit: int, offset: int = 0) -> list[KeyRow]:
        """Keys, the newest first.

        :param owner: whose; None for everybody's.
        :param limit: 1 to `MAX_PAGE`.
        """
        check_page(limit, offset)
        query = select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.id)
        if owner is not None:
            query = query.where(api_keys.c.owner == owner)

        async def work(connection: AsyncConnection) -> list[KeyRow]:
            rows = await connection.execute(query.limit(limit).offset(offset))
            return [KeyRow(**row._mapping) for row in rows]

        return await self.database.read(work)

    async def touch(self, key: UUID, moment: datetime) -> None:
        """Note when a key was last used."""
        query = update(api_keys).where(api_keys.c.id == key).values(last_used_at=moment)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(query)

        await self.database.write(work)


async def _any(connection: AsyncConnection) -> bool:
    return (await connection.execute(select(api_keys.c.id).limit(1))).first() is not None


async def _insert(connection: AsyncConnection, row: KeyRow) -> None:
    values = {name: getattr(row, name) for name in KeyRow.__dataclass_fields__}
    await connection.execute(insert(api_keys).values(values))
