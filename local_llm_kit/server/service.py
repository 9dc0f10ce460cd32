"""The models behind the routes: found by the names of requests, loaded at first need, and run.

The event loop never waits here. What may take long, such as reading a large request, compiling its
grammar or loading its model, happens on threads whose number and whose queues are bounded; a model
is loaded once however many requests wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import astuple, dataclass, field, replace
from functools import partial
from operator import methodcaller
from typing import Any, TypeVar

from LLM import telemetry
from LLM.telemetry import names
from local_llm_kit.arguments import parse_chat, parse_completion
from local_llm_kit.backends import Backend, Job, JSONObject
from local_llm_kit.catalog import Catalog
from local_llm_kit.embeddings import EmbeddingArguments, joined_responses
from local_llm_kit.engines.protocol import EngineStats, ModelInfo
from local_llm_kit.mailboxes import Mailboxes
from local_llm_kit.pool import Lease
from local_llm_kit.server.headers import ignored_header
from local_llm_kit.server.loads import Loads
from local_llm_kit.server.metrics import Metrics, ModelNow, ServerNow
from local_llm_kit.server.running import Running
from local_llm_kit.server.served_models import ServedModels
from local_llm_kit.server.shapes import Shape
from local_llm_kit.server.workers import Workers, outcome
from local_llm_kit.stopping import Stop
from local_llm_kit.told import asked_of, embeddings_told, watch_of

T = TypeVar("T")

#: Threads beside the event loop, for requests that take long to prepare or to compute.
_N_WORKERS = 4
_IDLE = EngineStats(0, 0, 0, 0, 0, 0.0)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that was read: of which model it asks what, and how the answer is told.

    :param model: the model asked for; None means whichever there is.
    :param prepare: makes the job; called on the model, perhaps on another thread.
    :param shape: tells the answer.
    :param stream: whether the answer is sent as it grows.
    :param headers: further ones of the response.
    :param stop: ends what `prepare` does.
    :param operation: what telemetry calls it; None where it tells nothing.
    :param fields: what telemetry tells of it, in OpenAI's words.
    """

    model: str | None
    prepare: Callable[[Backend], Job]
    shape: Shape
    stream: bool
    headers: Mapping[str, str] = field(default_factory=dict)
    stop: Stop = field(default_factory=Stop)
    operation: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Service:
    """What every route stands on.

    :param catalog: the models; its own is loaded.
    :param models: the names that requests may give.
    :param max_queue: requests that may wait for each kind of thread, and for a model to load.
    """

    def __init__(self, catalog: Catalog, models: ServedModels, max_queue: int = 256) -> None:
        self.catalog = catalog
        self.models = models
        self._workers = Workers("server", _N_WORKERS, max_queue)
        self._loads = Loads(catalog, models, max_queue)
        self.metrics = Metrics(self._now)
        self._mailboxes: Mailboxes | None = None  # made in the server's loop

    def chat(
        self,
        fields: Mapping[str, Any],
        shape: Shape,
        ignored: Iterable[str] = (),
        *,
        think: bool | str | None = None,
    ) -> Ask:
        """A chat completion.

        :param fields: as OpenAI's API names them.
        :param ignored: arguments of another API that were taken and have no effect; the answer's
            header names them beside those of OpenAI's.
        :param think: see `ChatArguments`.
        :raises InvalidRequestError: names the argument.
        """
        arguments = replace(parse_chat(fields, self.catalog.defaults), think=think)
        headers = ignored_header(ignored, arguments.ignored)
        stop = Stop()

        def prepare(model: Backend) -> Job:
            return model.chat(arguments, stop)

        return Ask(
            arguments.model, prepare, shape, arguments.stream, headers, stop, names.CHAT, fields
        )

    def completion(
        self, fields: Mapping[str, Any], shape: Shape, ignored: Iterable[str] = ()
    ) -> Ask:
        """A text completion; takes and raises what `chat` does."""
        arguments = parse_completion(fields, self.catalog.defaults)
        headers = ignored_header(ignored, arguments.ignored)

        def prepare(model: Backend) -> Job:
            return model.completion(arguments)

        return Ask(
            arguments.model,
            prepare,
            shape,
            arguments.stream,
            headers,
            operation=names.TEXT_COMPLETION,
            fields=fields,
        )

    def run_at_once(self, ask: Ask) -> Running | None:
        """Start what was asked; None where its model is not at hand.

        :raises LLMError: the model does not take it.
        """
        began = time.perf_counter()
        lease = self._lease_at_hand(ask.model)
        if lease is None:
            return None
        try:
            return self._start(ask, ask.prepare(lease.model), lease, began)
        except BaseException:
            lease.release()
            raise

    async def run(self, ask: Ask) -> Running:
        """Start what was asked, prepared on a thread, once its model is there.

        :raises LLMError: the model cannot be had, or does not take it.
        """
        began = time.perf_counter()
        lease = await self.lease(ask.model)
        future = self._submit(partial(ask.prepare, lease.model), lease)
        try:
            return self._start(ask, await outcome(future), lease, began)
        except BaseException:
            # Not at once: the thread may still use the model for one who has left.
            ask.stop.set()
            future.add_done_callback(lambda _: lease.release())
            raise

    def _submit(self, work: Callable[[], T], lease: Lease[Backend]) -> Future[T]:
        """Have a thread do something with a model."""
        try:
            return self._workers.submit(work)
        except BaseException:
            lease.release()
            raise

    def _start(self, ask: Ask, job: Job, lease: Lease[Backend], began: float) -> Running:
        self._mailboxes = self._mailboxes or Mailboxes()
        info = lease.model.info
        meter = self.metrics.meter(info.name, began)
        watch = None
        if telemetry.current is not None and ask.operation is not None:
            began_ns = time.time_ns() - int((time.perf_counter() - began) * 1e9)
            asked = asked_of(ask.operation, info, ask.fields, began_ns, self.catalog.defaults)
            watch = watch_of(asked, job.answer)
        try:
            return Running(self._mailboxes.start(job), lease, meter, watch)
        except BaseException as err:
            if watch is not None:
                watch.failed(err)
            raise

    async def beside(self, work: Callable[[], T]) -> T:
        """What `work` gives, on a thread.

        :raises LLMRateLimitError: too many requests wait for one.
        """
        return await self._workers.run(work)

    async def with_model(self, name: str | None, use: Callable[[Backend], T]) -> T:
        """What `use` makes of a model, on a thread.

        :raises LLMError: the model cannot be had, or what `use` raised.
        """
        lease = await self.lease(name)
        future = self._submit(lambda: use(lease.model), lease)
        future.add_done_callback(lambda _: lease.release())
        return await outcome(future)

    async def embeddings(self, arguments: EmbeddingArguments) -> JSONObject:
        """Embeddings in OpenAI's shape: some inputs at a time, so that others have their turn.

        :raises LLMError: the model cannot be had, or has no embeddings.
        """
        if (recorder := telemetry.current) is None:
            answer = await self._embedded(arguments)
        else:
            with await self.lease(arguments.model) as model:
                info = model.info
            fields = {"encoding_format": arguments.encoding_format}
            asked = asked_of(names.EMBEDDINGS, info, fields)
            with recorder.call(asked) as span:
                answer = await self._embedded(arguments)
                span.answered(embeddings_told(answer, arguments.dimensions or info.n_embd))
        self.metrics.read(answer["model"], answer["usage"]["prompt_tokens"])
        return answer

    async def _embedded(self, arguments: EmbeddingArguments) -> JSONObject:
        parts = [
            await self.with_model(arguments.model, methodcaller("embeddings", part))
            for part in arguments.parts()
        ]
        return joined_responses(parts)

    async def lease(self, name: str | None) -> Lease[Backend]:
        """Hold a model, loading it if need be.

        :param name: as a request gives it.
        :raises LLMError: there is no such model, no room for it, or it cannot be loaded.
        """
        lease = self._lease_at_hand(name)
        if lease is not None:
            return lease
        found = await self._workers.run(lambda: self.models.resolve(name))
        return await self._loads.lease(found)

    def _lease_at_hand(self, name: str | None) -> Lease[Backend] | None:
        """Hold a model that is loaded and found without a look at the disk."""
        found = self.models.known(name)
        return None if found is None else self.catalog.lease_ready(found)

    def info(self, name: str) -> ModelInfo | None:
        """Facts about a model; None where it is not loaded. May look at the disk.

        :param name: one that requests may give.
        """
        found = self.models.resolve(name)
        if found == self.catalog.name:
            return self.catalog.info
        ready = self.catalog.ready()
        return next((model.info for holding, model in ready if holding.name == found), None)

    def stats(self) -> EngineStats:
        """What all loaded models are doing together."""
        found = [_IDLE, *(model.stats for model in self.catalog.loaded_models())]
        return EngineStats(*(sum(values) for values in zip(*map(astuple, found), strict=True)))

    def _now(self) -> ServerNow:
        models = []
        for model in self.catalog.loaded_models():
            plan = model.memory_plan
            n_bytes = 0 if plan is None else plan.total_bytes
            models.append(ModelNow(model.info.name, model.stats, n_bytes))
        return ServerNow(models, self._loads.n_waiting, self._workers.n_calls)

    def close(self) -> None:
        """End what runs with an error each, and give the models back; blocks while it does."""
        self._workers.close()
        self._loads.close()
        self.catalog.close()
