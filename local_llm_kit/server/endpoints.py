"""Handlers of routes: a request's body in, an answer out, for every API alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from local_llm_kit.backends import JSONObject
from local_llm_kit.server.access_log import USAGE_KEY
from local_llm_kit.server.answering import AnswerStream, whole
from local_llm_kit.server.body import parse_body, read_body
from local_llm_kit.server.departures import unless_gone
from local_llm_kit.server.service import Ask, Service

#: A larger body is parsed and tokenised beside the event loop, so that streams go on.
_LARGE_BODY_BYTES = 32 << 10

#: Fields that may take long to prepare: grammars are compiled, conversations summarised.
_SLOW_FIELDS = frozenset(
    ("tools", "functions", "response_format", "json_schema", "grammar", "guided_json",
     "guided_regex", "guided_grammar", "overflow", "format", "text", "output_config",
     "output_format", "truncation", "truncate", "questions", "previous_response_id")
)  # fmt: skip

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[ASGIApp]]


class Endpoint:
    """A handler whose answer may be any ASGI application."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        answer = await self._handler(Request(scope, receive, send))
        await answer(scope, receive, send)


class Generation:
    """The handler of a route that generates text.

    :param read: reads a request's body, in whatever shape its API has.
    """

    def __init__(self, service: Service, read: Callable[[JSONObject], Ask]) -> None:
        self._service = service
        self._read = read

    async def __call__(self, request: Request) -> ASGIApp:
        """Run what is asked, and answer in the API's own shape."""
        return await self.answer(request, *await self.read(request))

    async def read(self, request: Request) -> tuple[Ask, bool]:
        """What is asked, and whether it is slow to prepare.

        :raises LLMError: the body cannot be read, or asks for what is not there.
        """
        body = await read_body(request)
        if len(body) > _LARGE_BODY_BYTES:
            return await self._service.beside(lambda: self._read(parse_body(body))), True
        fields = parse_body(body)
        if _SLOW_FIELDS.isdisjoint(fields):
            return self._read(fields), False
        return await self._service.beside(lambda: self._read(fields)), True

    async def answer(self, request: Request, ask: Ask, is_slow: bool) -> ASGIApp:
        """The answer to what is asked, while the client waits for it.

        :raises LLMError: the model cannot be had, or fails.
        """
        running = None if is_slow else self._service.run_at_once(ask)
        if running is None:
            running = await unless_gone(request.receive, self._service.run(ask))
        request.scope[USAGE_KEY] = running.usage
        if ask.stream:
            return AnswerStream(running, ask.shape, ask.headers)
        return await whole(running, ask.shape, request, ask.headers)


async def read_beside(service: Service, request: Request, read: Callable[[JSONObject], T]) -> T:
    """What `read` makes of a request's body, on a thread.

    :raises LLMError: the body cannot be read, or asks for what is not there.
    """
    body = await read_body(request)
    return await service.beside(lambda: read(parse_body(body)))


async def json_body(request: Request) -> JSONObject:
    """The JSON object of a request's body.

    :raises LLMError: it is none, too large, or does not arrive.
    """
    return parse_body(await read_body(request))


def json_response(data: Any, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of JSON.

    :param headers: further ones of the response.
    """
    return Response(to_json(data), 200, headers, "application/json")
