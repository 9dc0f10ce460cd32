"""The routes: what each address answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from LLM.exceptions import LLMError, ModelNotFoundError
from local_llm_kit.arguments import parse_chat, parse_completion
from local_llm_kit.backends import Backend, Job
from local_llm_kit.mailboxes import Mailboxes
from local_llm_kit.server.body import parse_body, read_body
from local_llm_kit.server.errors import error_response, refusal
from local_llm_kit.server.guard import Guard
from local_llm_kit.server.responses import EventStream, whole

_log = logging.getLogger("local_llm_kit.server")

#: A larger body is parsed and tokenised beside the event loop, so that streams go on.
_LARGE_BODY_BYTES = 32 << 10

#: Fields that may take long to prepare: grammars are compiled, conversations summarised.
_SLOW_FIELDS = frozenset(
    ("tools", "functions", "response_format", "json_schema", "grammar", "guided_json",
     "guided_regex", "guided_grammar", "overflow")
)  # fmt: skip

Prepare = Callable[[dict[str, Any]], tuple[Job, bool]]


class _Api:
    """The handlers, around one model.

    :param aliases: further names of the model.
    :param strict_model: refuse other names; otherwise the one model answers to all of them.
    """

    def __init__(self, model: Backend, aliases: Sequence[str], strict_model: bool) -> None:
        self._model = model
        self._names = list(dict.fromkeys((model.info.name, *aliases)))
        self._strict = strict_model
        self._created = int(time.time())
        self._mailboxes: Mailboxes | None = None  # made in the server's loop

    async def chat(self, request: Request) -> ASGIApp:
        return await self._answer(request, self._prepare_chat)

    async def completion(self, request: Request) -> ASGIApp:
        return await self._answer(request, self._prepare_completion)

    async def _answer(self, request: Request, prepare: Prepare) -> ASGIApp:
        body = await read_body(request)
        if len(body) > _LARGE_BODY_BYTES:
            job, stream = await asyncio.to_thread(lambda: prepare(parse_body(body)))
        else:
            fields = parse_body(body)
            if _SLOW_FIELDS.isdisjoint(fields):
                job, stream = prepare(fields)
            else:
                job, stream = await asyncio.to_thread(prepare, fields)
        self._mailboxes = self._mailboxes or Mailboxes()
        run = self._mailboxes.start(job)
        return EventStream(run) if stream else await whole(run, request)

    def _prepare_chat(self, body: dict[str, Any]) -> tuple[Job, bool]:
        arguments = parse_chat(body, self._model.defaults)
        self._check_name(arguments.model)
        return self._model.chat(arguments), arguments.stream

    def _prepare_completion(self, body: dict[str, Any]) -> tuple[Job, bool]:
        arguments = parse_completion(body, self._model.defaults)
        self._check_name(arguments.model)
        return self._model.completion(arguments), arguments.stream

    def _check_name(self, name: str | None) -> None:
        if self._strict and name not in (None, *self._names):
            raise self._unknown(name or "")

    def _unknown(self, name: str) -> ModelNotFoundError:
        return ModelNotFoundError(
            f"the model {name[:200]!r} does not exist here; served: {', '.join(self._names)}",
            status_code=404,
            body={"param": "model"},
            code="model_not_found",
        )

    async def models(self, request: Request) -> Response:
        return _json({"object": "list", "data": [self._card(name) for name in self._names]})

    async def model(self, request: Request) -> Response:
        name: str = request.path_params["name"]
        if name not in self._names:
            raise self._unknown(name)
        return _json(self._card(name))

    def _card(self, name: str) -> dict[str, Any]:
        return {
            "id": name,
            "object": "model",
            "created": self._created,
            "owned_by": "local",
            "context_length": self._model.info.context_length,
        }

    async def health(self, request: Request) -> Response:
        stats = self._model.stats
        return _json(
            {
                "status": "ok",
                "slots": stats.n_slots,
                "running": stats.n_running,
                "waiting": stats.n_waiting,
            }
        )


def _json(data: Any) -> Response:
    return Response(to_json(data), media_type="application/json")


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = {
        404: f"there is nothing at {request.url.path[:200]!r}; the API is under /v1",
        405: f"{request.method} is not possible at {request.url.path[:200]!r}",
    }.get(error.status_code, error.detail)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code)
    return refusal(error.status_code, message, code, error.headers)


async def _on_llm_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, LLMError)
    return error_response(error)


async def _on_any_error(_: Request, error: Exception) -> Response:
    _log.error("a request failed", exc_info=error)
    return refusal(500, "the server failed; its log says why", "internal_error")


class _Endpoint:
    """A handler whose answer may be any ASGI application."""

    def __init__(self, handler: Callable[[Request], Any]) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._handler(Request(scope, receive, send))
        await answer(scope, receive, send)


def create_app(
    model: Backend,
    *,
    api_key: str | None = None,
    hosts: Iterable[str] | None = (),
    aliases: Sequence[str] = (),
    strict_model: bool = False,
) -> ASGIApp:
    """The ASGI application around a model.

    :param api_key: the key that requests must carry; None asks for none.
    :param hosts: names of this server beside loopback's; None allows any.
    :param aliases: further names of the model.
    :param strict_model: answer only to the model's names.
    """
    api = _Api(model, aliases, strict_model)
    routes = [
        Route("/v1/chat/completions", _Endpoint(api.chat), methods=["POST"]),
        Route("/v1/completions", _Endpoint(api.completion), methods=["POST"]),
        Route("/v1/models", _Endpoint(api.models), methods=["GET"]),
        Route("/v1/models/{name:path}", _Endpoint(api.model), methods=["GET"]),
        Route("/health", _Endpoint(api.health), methods=["GET"]),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _on_http_error,
            LLMError: _on_llm_error,
            Exception: _on_any_error,
        },
    )
    app.router.redirect_slashes = False
    return Guard(app, api_key, hosts)
