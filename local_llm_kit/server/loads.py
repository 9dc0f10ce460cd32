"""Models on their way into memory: each loaded once, however many requests wait for it."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from LLM.exceptions import LLMRateLimitError, LLMServerError
from local_llm_kit.backends import Backend
from local_llm_kit.catalog import Catalog
from local_llm_kit.pool import Lease
from local_llm_kit.server.served_models import ServedModels
from local_llm_kit.server.workers import Workers, queue_full

_log = logging.getLogger("local_llm_kit.server")

#: Threads; those that wait for room must not keep a model waiting for which there is some.
_N_LOADERS = 8
#: Seconds that a request waits for room while the models in use leave none for its own.
_ROOM_WAIT_S = 30.0
#: Seconds for which a model that was just loaded is kept for those who waited for it.
_HANDOVER_S = 1.0


class Loads:
    """Loads models on threads, for coroutines that wait.

    :param max_queue: requests that may wait.
    :ivar n_waiting: those that do.
    """

    def __init__(self, catalog: Catalog, models: ServedModels, max_queue: int) -> None:
        self._catalog = catalog
        self._models = models
        self._max_queue = max_queue
        self._threads = Workers("loader", _N_LOADERS, max_queue)
        self._tasks: dict[str, asyncio.Task[Lease[Backend]]] = {}
        self.n_waiting = 0

    async def lease(self, name: str) -> Lease[Backend]:
        """Hold a model, loading it if need be.

        :param name: the catalog's.
        :raises LLMRateLimitError: too many wait, or the models in use leave no room for it.
        :raises LLMServerError: it cannot be loaded.
        """
        if self.n_waiting >= self._max_queue:
            raise queue_full(self.n_waiting)
        self.n_waiting += 1
        try:
            while (lease := self._catalog.lease_ready(name)) is None:
                await self._loaded(name)
            return lease
        finally:
            self.n_waiting -= 1

    async def _loaded(self, name: str) -> None:
        """Wait until a model was loaded.

        :raises LLMServerError: it cannot be. The log alone says why: what is wrong is no concern
            of the client, and what its folder holds neither.
        """
        try:
            # Shielded: one who leaves does not take the model from the others who wait.
            await asyncio.shield(self._tasks.get(name) or self._begin(name))
        except (LLMRateLimitError, LLMServerError):
            raise
        except Exception as err:
            shown = self._models.public_name(name)
            raise LLMServerError(
                f"the model {shown!r} cannot be loaded; the server's log says why",
                status_code=500,
                code="model_load_failed",
            ) from err

    def _begin(self, name: str) -> asyncio.Task[Lease[Backend]]:
        load = partial(self._catalog.lease, name, _ROOM_WAIT_S)
        task = self._tasks[name] = asyncio.create_task(self._threads.run(load))
        task.add_done_callback(partial(self._ended, name))
        return task

    def _ended(self, name: str, task: asyncio.Task[Lease[Backend]]) -> None:
        """Keep a model for a moment, until those who waited have leases of their own."""
        del self._tasks[name]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            asyncio.get_running_loop().call_later(_HANDOVER_S, task.result().release)
        elif not isinstance(error, LLMRateLimitError):
            _log.error("the model %r cannot be loaded: %s", name, error)

    def close(self) -> None:
        """Load no more."""
        self._threads.close()
