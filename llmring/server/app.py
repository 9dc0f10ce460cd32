"""The application: the routes behind the guard and the keys, and what becomes of errors."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from LLM.exceptions import LLMError
from llmring.server import page
from llmring.server.access import Access
from llmring.server.access_log import log_request
from llmring.server.endpoint import Routes
from llmring.server.errors import on_any_error, on_error, on_http_error
from llmring.server.metrics import ServerMetrics
from llmring.server.routes import conversations, keys, mcp, status, usage
from llmring.server.routes.records import Records
from llmring.server.service import Service
from llmring.server.wire import API, TemplateFields
from local_llm_kit.server.front import Front
from local_llm_kit.server.guard import Guard


def create_app(
    service: Service, guard: Guard, *, logs_requests: bool = False, has_metrics: bool = False
) -> ASGIApp:
    """The ASGI application around a service.

    :param guard: tells which Hosts and Origins may not ask; it has no keys.
    :param logs_requests: write a line for each request to the log.
    :param has_metrics: answer ``/metrics``.
    """
    metrics = ServerMetrics(service)
    routes, own = Routes(service, API), Routes(service, "")
    usage.add_routes(routes)
    conversations.add_routes(routes)
    Records("template", lambda tenant: tenant.templates).add_routes(
        routes, "/templates", TemplateFields
    )
    mcp.add_routes(routes)
    keys.add_routes(routes)
    status.add_routes(own, metrics if has_metrics else None)
    app = Starlette(
        routes=[*routes.all, *own.all, *page.routes()],
        exception_handlers={
            HTTPException: on_http_error,
            LLMError: on_error,
            Exception: on_any_error,
        },
    )
    app.router.redirect_slashes = False
    log = log_request if logs_requests else None
    return Front(Access(app, service), guard, metrics, log)
