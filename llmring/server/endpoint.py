"""Handlers of routes: what is asked in, a record or a list of records out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, TypeAdapter
from pydantic import ValidationError as PydanticValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from llmring.server.access import caller_of
from llmring.server.body import json_body, written
from llmring.server.errors import not_found, refused, unfit
from llmring.server.keys import Caller
from llmring.server.service import Service, Tenant

QueryT = TypeVar("QueryT", bound=BaseModel)
#: Lists of more are put into JSON beside the event loop.
_MANY = 50


class Call:
    """A request that may be done.

    :ivar caller: who asks.
    """

    def __init__(self, request: Request, service: Service) -> None:
        self.request = request
        self.service = service

    @property
    def caller(self) -> Caller:
        """Who asks.

        :raises InvalidRequestError: nobody that is known.
        """
        return caller_of(self.request.scope)

    @property
    def tenant(self) -> Tenant:
        """What the tenant has whose key it is.

        :raises InvalidRequestError: the key is no tenant's.
        """
        key = self.caller.key
        if key is None:
            raise refused(
                403,
                "the admin's key makes keys, and has no data; use a tenant's key",
                "no_tenant",
            )
        return self.service.tenant(key.owner)

    def query(self, kind: type[QueryT]) -> QueryT:
        """What follows the question mark. What is empty there is not given.

        :raises InvalidRequestError: it cannot be that.
        """
        given: dict[str, str] = {}
        for name, value in self.request.query_params.multi_items():
            if name in given:
                raise refused(400, f"{name[:80]!r} is given twice", "invalid_value", name[:80])
            given[name] = value
        try:
            return kind.model_validate({name: value for name, value in given.items() if value})
        except PydanticValidationError as err:
            problem = unfit(err, "query")
        raise problem

    def id(self, what: str) -> UUID:
        """The id in the path.

        :param what: what it is the id of, for the error.
        :raises InvalidRequestError: it is none, so nothing is there.
        """
        text = self.request.path_params["id"]
        try:
            return UUID(text)
        except ValueError:
            pass
        raise not_found(what, text)


Handler = Callable[..., Awaitable[Any]]


class Endpoint:
    """A handler as an application.

    :param handler: is given the call and, where it takes one, the body; gives a record, a list of
        records, or a `Response`.
    :param body: what the body must be; None for none.
    :param status: of an answer that is no error.
    """

    def __init__(self, service: Service, handler: Handler, body: Any, status: int) -> None:
        self._service = service
        self._handler = handler
        self._body: TypeAdapter[Any] | None = None if body is None else TypeAdapter(body)
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        answer = await self._answer(Request(scope, receive, send))
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        call = Call(request, self._service)
        given = () if self._body is None else (await self._read(request, self._body),)
        async with self._service.gate:
            return await self._told(await self._handler(call, *given))

    @staticmethod
    async def _read(request: Request, kind: TypeAdapter[Any]) -> Any:
        data = await json_body(request)
        try:
            return kind.validate_python(data)
        except PydanticValidationError as err:
            problem = unfit(err, "body")
        raise problem

    async def _told(self, found: BaseModel | Sequence[BaseModel] | Response) -> Response:
        if isinstance(found, Response):
            return found
        if isinstance(found, BaseModel) or len(found) <= _MANY:
            content = _json(found)
        else:
            content = await asyncio.to_thread(_json, found)
        return Response(content, self._status, media_type="application/json")


def _json(found: BaseModel | Sequence[BaseModel]) -> bytes:
    if isinstance(found, BaseModel):
        return written(found.model_dump())
    return written([one.model_dump() for one in found])


class Routes:
    """Collects routes.

    :param prefix: begins their paths.
    """

    def __init__(self, service: Service, prefix: str) -> None:
        self._service = service
        self._prefix = prefix
        self.all: list[Route] = []

    def add(
        self, method: str, path: str, handler: Handler, *, body: Any = None, status: int = 200
    ) -> None:
        """Add a route, with and without a slash at its end."""
        endpoint = Endpoint(self._service, handler, body, status)
        for whole in (self._prefix + path, f"{self._prefix}{path}/"):
            self.all.append(Route(whole, endpoint, methods=[method]))
