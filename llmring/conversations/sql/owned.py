"""Tables of which each row is one owner's, and has an id, fields, and times of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Row, Table, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from llmring.conversations.checks import check_page
from llmring.conversations.sql.database import SQLDatabase
from llmring.conversations.types import now

FieldsT = TypeVar("FieldsT", bound=BaseModel)
RecordT = TypeVar("RecordT", bound=BaseModel)


class OwnedTable(Generic[FieldsT, RecordT]):
    """One owner's rows of a table. The owner stands in every query.

    Every method raises `StoreError` where the database cannot be used.

    :param table: with columns ``owner``, ``id``, ``created_at``, ``updated_at``, and the fields.
    :param fields: what a caller says of a row.
    :param record: a row: those fields, and the columns above but the owner.
    """

    def __init__(
        self,
        database: SQLDatabase,
        owner: str,
        table: Table,
        fields: type[FieldsT],
        record: type[RecordT],
    ) -> None:
        self.database = database
        self.owner = owner
        self._table = table
        self._fields = fields
        self._record = record
        self._columns = [column for column in table.c if column.name != "owner"]

    async def create(self, fields: FieldsT) -> RecordT:
        """Keep a row."""
        moment = now()
        row = {**fields.model_dump(), "id": uuid4(), "created_at": moment, "updated_at": moment}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(self._table).values(owner=self.owner, **row))

        await self.database.write(work)
        return self._record.model_validate(row)

    async def get(self, key: UUID) -> RecordT | None:
        """A row; None where the owner has none of that id."""
        row = await self.database.read(lambda connection: self._row(connection, key))
        return None if row is None else self._read(row)

    async def page(self, limit: int, offset: int = 0, **equal: Any) -> list[RecordT]:
        """Rows, the newest first.

        :param limit: 1 to `MAX_PAGE`.
        :param equal: columns and the values that they must have.
        """
        check_page(limit, offset)
        table = self._table.c
        query = select(*self._columns).where(table.owner == self.owner)
        query = query.where(*(table[name] == value for name, value in equal.items()))
        query = query.order_by(table.created_at.desc(), table.id).limit(limit).offset(offset)

        async def work(connection: AsyncConnection) -> Sequence[Row[Any]]:
            return (await connection.execute(query)).all()

        return [self._read(row) for row in await self.database.read(work)]

    async def change(self, key: UUID, changes: Mapping[str, Any]) -> RecordT | None:
        """Change some fields, by name. :return: None where the owner has no such row.

        :raises pydantic.ValidationError: no such field, or a value cannot be one.
        """

        async def work(connection: AsyncConnection) -> RecordT | None:
            row = await self._row(connection, key, locked=True)
            if row is None:
                return None
            known = {name: row._mapping[name] for name in self._kept_fields()}
            fields = self._fields.model_validate({**known, **changes}).model_dump()
            values = {**fields, "updated_at": now()}
            await connection.execute(update(self._table).where(self._is(key)).values(values))
            return self._record.model_validate({**row._mapping, **values})

        return await self.database.write(work)

    async def delete(self, key: UUID) -> bool:
        """Delete a row. :return: whether it was there."""

        async def work(connection: AsyncConnection) -> bool:
            found = await connection.execute(delete(self._table).where(self._is(key)))
            return found.rowcount > 0

        return await self.database.write(work)

    def _kept_fields(self) -> list[str]:
        return [name for name in self._fields.model_fields if name in self._table.c]

    def _read(self, row: Row[Any]) -> RecordT:
        return self._record.model_validate(dict(row._mapping))

    async def _row(
        self, connection: AsyncConnection, key: UUID, *, locked: bool = False
    ) -> Row[Any] | None:
        query = select(*self._columns).where(self._is(key))
        return (await connection.execute(query.with_for_update() if locked else query)).first()

    def _is(self, key: UUID) -> ColumnElement[bool]:
        return and_(self._table.c.owner == self.owner, self._table.c.id == key)
