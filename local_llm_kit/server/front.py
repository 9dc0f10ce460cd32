"""What every answer passes on its way out: it is marked, counted, and noted in the log."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local_llm_kit.server.body_budget import BodyBudget
from local_llm_kit.server.errors import REQUEST_ID
from local_llm_kit.server.guard import Guard, origin_of
from local_llm_kit.server.http_metrics import HTTPMetrics
from local_llm_kit.server.tracing import request_span, tell_answer

#: Of answers that have none of their own; the page brings its policy. An answer is shown in no
#: frame, read by no other site, kept by no cache, and taken for nothing but what it says it is.
_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
#: Noted for a request whose client left before there was an answer.
_CLIENT_LEFT = 499
#: No secrets. The system's randomness lets go of the interpreter, which a busy engine then keeps.
_IDS = random.Random()
#: Notes a request that has ended: its status, how many seconds it took, its id.
Log = Callable[[Scope, int, float, str], None]


class Front:
    """The outermost application.

    :param app: answers what the guard lets through.
    :param guard: tells who may not ask.
    :param metrics: counts requests.
    :param log: is told of each that has ended: its status, seconds and id.
    """

    def __init__(
        self, app: ASGIApp, guard: Guard, metrics: HTTPMetrics, log: Log | None = None
    ) -> None:
        self._app = app
        self._guard = guard
        self._metrics = metrics
        self._log = log
        self._bodies = BodyBudget()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        request_id = f"req_{_IDS.getrandbits(96):024x}"
        REQUEST_ID.set(request_id)
        marks = [
            (b"x-request-id", request_id.encode()),
            (b"request-id", request_id.encode()),
            *self._guard.cross_origin.marks(origin_of(scope)),
        ]
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = message["headers"]
                names = {name for name, _ in own}
                further = [one for one in _SECURITY_HEADERS if one[0] not in names]
                message["headers"] = [*own, *further, *marks]
            await send(message)

        body = self._bodies.open(scope)
        self._metrics.in_flight.inc()
        with request_span(scope) as span:
            try:
                await (self._guard.answer(scope) or self._app)(scope, receive, send_marked)
            except Exception:
                # The framework raises again what it has logged and answered with 500.
                if not status:
                    raise
            finally:
                tell_answer(span, scope, status)
                body.close()
                took_s = time.perf_counter() - began
                self._metrics.in_flight.dec()
                self._metrics.request_ended(scope, status or _CLIENT_LEFT, took_s)
                if self._log is not None:
                    self._log(scope, status or _CLIENT_LEFT, took_s, request_id)
