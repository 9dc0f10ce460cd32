"""The application: the routes of every API behind one guard, and what becomes of errors."""

from __future__ import annotations

import asyncio
import logging

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from LLM.exceptions import LLMError
from local_llm_kit.server import anthropic, ollama, openai, openapi, page, responses, tokens
from local_llm_kit.server.access_log import log_request
from local_llm_kit.server.endpoints import Endpoint, json_response
from local_llm_kit.server.errors import error_response, refusal
from local_llm_kit.server.front import Front
from local_llm_kit.server.guard import Guard
from local_llm_kit.server.http_metrics import CONTENT_TYPE
from local_llm_kit.server.metrics import Metrics
from local_llm_kit.server.service import Service

_log = logging.getLogger("local_llm_kit.server")


def create_app(service: Service, guard: Guard, *, logs_requests: bool = False) -> ASGIApp:
    """The ASGI application around a service.

    :param guard: tells who may not ask.
    :param logs_requests: write a line for each request to the log.
    """
    app = Starlette(
        routes=[
            *openai.routes(service),
            *ollama.routes(service),
            *anthropic.routes(service),
            *responses.routes(service),
            *tokens.routes(service),
            Route("/health", Endpoint(_Health(service)), methods=["GET"]),
            Route("/metrics", Endpoint(_Metrics(service.metrics)), methods=["GET"]),
            *openapi.routes(),
            *page.routes(),
        ],
        exception_handlers={
            HTTPException: _on_http_error,
            LLMError: _on_llm_error,
            Exception: _on_any_error,
        },
    )
    app.router.redirect_slashes = False
    return Front(app, guard, service.metrics, log_request if logs_requests else None)


class _Health:
    """Whether the server is alive, and how busy."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request) -> Response:
        stats = self._service.stats()
        return json_response(
            {
                "status": "ok",
                "slots": stats.n_slots,
                "running": stats.n_running,
                "waiting": stats.n_waiting,
            }
        )


class _Metrics:
    """What Prometheus reads."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._turn = asyncio.Lock()

    async def __call__(self, request: Request) -> Response:
        # It takes some 10 ms, for which no stream should wait; one at a time, whoever floods it.
        async with self._turn:
            text = await asyncio.to_thread(self._metrics.text)
        return Response(text, media_type=CONTENT_TYPE)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path: str = request.scope["path"]
    message = {
        404: f"there is nothing at {path[:200]!r}; /openapi.json lists the routes",
        405: f"{request.method} is not possible at {path[:200]!r}; /openapi.json lists the routes",
    }.get(error.status_code, error.detail)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code)
    return refusal(path, error.status_code, message, code, error.headers)


async def _on_llm_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LLMError)
    return error_response(request.scope["path"], error)


async def _on_any_error(request: Request, error: Exception) -> Response:
    _log.error("a request failed", exc_info=error)
    message = "the server failed; its log says why"
    return refusal(request.scope["path"], 500, message, "internal_error")
