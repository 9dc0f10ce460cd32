"""The server itself: its health, its metrics, its lists of models."""

from __future__ import annotations

import asyncio
import time

from starlette.responses import Response

from LLM._version import __version__
from llmring.exceptions import StoreError
from llmring.registry.snapshot import BUNDLED, bundled_bytes
from llmring.server.endpoint import Call, Routes
from llmring.server.errors import refused
from llmring.server.metrics import ServerMetrics
from llmring.server.wire import HEALTH, REGISTRY, Health, RegistryIndex, RegistryList
from local_llm_kit.server.http_metrics import CONTENT_TYPE

#: Seconds for which the health that was found is told again, whoever asks how often.
_HEALTH_S = 1.0


def add_routes(routes: Routes, metrics: ServerMetrics | None) -> None:
    """Add the routes of the server itself.

    :param metrics: what ``/metrics`` tells; None for no such route.
    """
    routes.add("GET", HEALTH, _HealthCheck())
    routes.add("GET", REGISTRY, _index)
    routes.add("GET", f"{REGISTRY}/{{provider}}/models.json", _models)
    routes.add("GET", f"{REGISTRY}/{{provider}}/v/{{version}}/models.json", _models)
    if metrics is not None:
        routes.add("GET", "/metrics", _Metrics(metrics))


class _HealthCheck:
    """Whether the database answers."""

    def __init__(self) -> None:
        self._found: Health | None = None
        self._until = 0.0

    async def __call__(self, call: Call) -> Health | Response:
        found = self._found
        if found is None or time.monotonic() >= self._until:
            found = self._found = await self._look(call)
            # Whoever waits for the first key to be made is told at once.
            self._until = 0.0 if found.needs_first_key else time.monotonic() + _HEALTH_S
        if found.status == "ok":
            return found
        return Response(found.model_dump_json(), 503, media_type="application/json")

    async def _look(self, call: Call) -> Health:
        try:
            has_keys = await call.service.keyring.rows.any()
        except StoreError:
            return Health(status="unavailable", database="unavailable", version=__version__)
        first = call.service.makes_first_key and not has_keys
        return Health(status="ok", database="ok", version=__version__, needs_first_key=first)


class _Metrics:
    """What Prometheus reads; it needs a key.

    What tenants have called is told to the admin, or to any key where there is no admin: then the
    server is of one machine, and who makes keys there has made them all.
    """

    def __init__(self, metrics: ServerMetrics) -> None:
        self._metrics = metrics

    async def __call__(self, call: Call) -> Response:
        with_usage = call.caller.is_admin or not call.service.keyring.has_admin
        text = await asyncio.to_thread(self._metrics.text, with_usage=with_usage)
        return Response(text, media_type=CONTENT_TYPE)


async def _index(call: Call) -> RegistryIndex:
    registry = call.service.registry
    lists = [
        RegistryList(
            provider=provider,
            version=registry.version(provider),
            models=len(registry.models(provider)),
            url=f"{REGISTRY}/{provider}/models.json",
        )
        for provider in BUNDLED
    ]
    return RegistryIndex(providers=lists)


async def _models(call: Call) -> Response:
    provider = call.request.path_params["provider"]
    version = call.request.path_params.get("version")
    data = bundled_bytes(provider)
    if data is None or version not in (None, str(call.service.registry.version(provider))):
        raise refused(404, f"there is no such list; {REGISTRY} has all", "not_found")
    return Response(data, media_type="application/json")
