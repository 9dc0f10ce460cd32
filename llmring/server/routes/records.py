"""What is made, listed, read, changed and deleted by its id, whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from pydantic import ValidationError as PydanticValidationError

from llmring.conversations.sql.owned import OwnedTable
from llmring.server.endpoint import Call, Handler, Routes
from llmring.server.errors import not_found, unfit
from llmring.server.queries import Page
from llmring.server.service import Tenant
from llmring.server.wire import Deleted


class Records:
    """The handlers of a kind of records.

    :param what: one of them, for errors.
    :param table: a tenant's.
    """

    def __init__(self, what: str, table: Callable[[Tenant], OwnedTable[Any, Any]]) -> None:
        self._what = what
        self._table = table

    def add_routes(
        self, routes: Routes, path: str, fields: type[BaseModel], list_them: Handler | None = None
    ) -> None:
        """Add their routes.

        :param fields: what a caller says of one.
        :param list_them: the handler of their list, where it takes more than a page.
        """
        routes.add("POST", path, self._create, body=fields, status=201)
        routes.add("GET", path, list_them or self._list)
        one = f"{path}/{{id}}"
        routes.add("GET", one, self._get)
        routes.add("PATCH", one, self._change, body=dict[str, Any])
        routes.add("PUT", one, self._change, body=dict[str, Any])
        routes.add("DELETE", one, self._delete)

    async def _create(self, call: Call, body: BaseModel) -> BaseModel:
        made: BaseModel = await self._table(call.tenant).create(body)
        return made

    async def _list(self, call: Call) -> list[BaseModel]:
        page = call.query(Page)
        return await self._table(call.tenant).page(page.limit, page.offset)

    async def _get(self, call: Call) -> BaseModel:
        key = call.id(self._what)
        found: BaseModel | None = await self._table(call.tenant).get(key)
        return self._there(found, key)

    async def _change(self, call: Call, body: dict[str, Any]) -> BaseModel:
        key = call.id(self._what)
        try:
            found: BaseModel | None = await self._table(call.tenant).change(key, body)
        except PydanticValidationError as err:
            problem = unfit(err, "body")
        else:
            return self._there(found, key)
        raise problem

    async def _delete(self, call: Call) -> Deleted:
        key = call.id(self._what)
        if not await self._table(call.tenant).delete(key):
            raise not_found(self._what, key)
        return Deleted(id=key)

    def _there(self, found: BaseModel | None, key: object) -> BaseModel:
        if found is None:
            raise not_found(self._what, key)
        return found
