"""The span of a request to a server, which continues the trace of whoever asked.

Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from starlette.types import Scope

from LLM import telemetry
from LLM.telemetry import names
from local_llm_kit.server.http_metrics import METHODS

if TYPE_CHECKING:
    from LLM.telemetry.work_span import Work


def request_span(scope: Scope) -> AbstractContextManager[Work | None]:
    """The span of a request, current while it is answered; none where nothing is recorded."""
    recorder = telemetry.current
    if recorder is None:
        return nullcontext()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    method = scope["method"] if scope["method"] in METHODS else "_OTHER"
    attributes = {
        names.HTTP_METHOD: method,
        names.URL_SCHEME: scope.get("scheme", "http"),
        names.URL_PATH: scope["path"][:200],
    }
    # The name without a route, which is known when it is answered; a path may hold anything.
    return recorder.work(method if method != "_OTHER" else "HTTP", attributes, headers)


def tell_answer(span: Work | None, scope: Scope, status: int) -> None:
    """Tell how a request was answered.

    :param status: 0 for a client that left before there was an answer.
    """
    if span is None:
        return
    route = getattr(scope.get("route"), "path", None)
    if route is not None:
        span.rename(f"{scope['method']} {route}")
    span.tell({names.HTTP_ROUTE: route, names.HTTP_STATUS: status or None})
    if status >= 500:
        span.failed({names.ERROR_TYPE: str(status)})
