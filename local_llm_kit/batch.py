"""Jobs of many requests, answered by models in this process: see `LLM.batch`.

Threads ask, since a call does other work than waiting: it loads a model, computes embeddings, has a
summary written. There are more of them than a model has slots, so that a slot that is free finds
the next request in the queue, tokenized.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from LLM.batch.stop import StoppedError
from LLM.batch.threads import Threads
from LLM.batch.types import BatchOutcome, BatchRequest, BatchURL
from LLM.exceptions import CassetteError, LLMError
from LLM.types import Usage
from LLM.wire import in_process
from local_llm_kit.calls import Calls
from local_llm_kit.checked import CheckedCall
from local_llm_kit.embeddings import parse_embeddings
from local_llm_kit.layered import answered
from local_llm_kit.runs import Run
from local_llm_kit.stopping import Stop

if TYPE_CHECKING:
    from local_llm_kit.catalog import Catalog

#: What models in this process are asked.
LOCAL_URLS: tuple[BatchURL, ...] = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")

_PER_SLOT = 2
# The client was closed, or its process forked: no request gets an answer any more.
_CLOSED = "engine_closed"
# Other callers of the same client fill its queue. A token takes milliseconds, an answer seconds.
_FULL, _FULL_WAIT_S = "queue_full", 0.05


class LocalEngine(Threads):
    """Answers requests of jobs, until the client is closed; see `LLM.batch.engine.BatchEngine`.

    :param catalog: the models of a client, which stays open until the job has ended. What the
        client remembers of a conversation is no part of a job.
    :param concurrency: most requests that are asked at the same time, at least 1; None for twice
        the slots of the client's model.
    :param timeout_s: seconds for a request that gives no `timeout`; None waits for ever.
    """

    def __init__(
        self, catalog: Catalog, concurrency: int | None = None, timeout_s: float | None = None
    ) -> None:
        super().__init__()
        self._catalog = catalog
        self._calls = Calls(catalog, timeout_s)
        self._concurrency = concurrency
        self._lock = threading.Lock()
        self._ends: set[Callable[[], None]] = set()

    def _n_threads(self) -> int:
        """As many as keep the client's own model at work, where no number was given."""
        if self._concurrency is not None:
            return self._concurrency
        if in_process.answers_alone:  # a cassette does, and the model need not be there
            return _PER_SLOT
        with self._catalog.lease(None) as model:
            return _PER_SLOT * model.stats.n_slots

    def stop(self) -> None:
        """End what runs, whose requests have no outcome then, and begin no more.

        For any thread; repeatable.
        """
        super().stop()
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            end()

    def count_tokens(self, request: BatchRequest) -> int:
        """Tokens of a request's prompt, as its model would count them; nothing is answered.

        0 for a request that the model would refuse.

        :raises LLMServerError: the client was closed.
        """
        try:
            return self._counted(request)
        except LLMError as err:
            if err.code == _CLOSED:
                raise
            return 0

    @property
    def counts(self) -> bool:
        """Whether prompts can be counted; Ollama's API has no tokenizer."""
        with self._catalog.lease(None) as model:
            return model.info.backend != "ollama"

    def _counted(self, request: BatchRequest) -> int:
        body = dict(request.body)
        if request.url != "/v1/embeddings":
            if body.get("overflow") == "summarise":  # which would be written
                body["overflow"] = "drop_oldest"
            call = checked(self._calls, replace(request, body=body)).prepare(Stop())
            call.lease.release()
            return call.job.n_prompt_tokens or 0
        body.pop("timeout", None)  # how long to wait is no part of what is embedded
        asked = parse_embeddings(body)
        with self._catalog.lease(asked.model) as model:
            return sum(
                len(model.tokenize(one, add_special=True)) if isinstance(one, str) else len(one)
                for one in asked.inputs
            )

    def _answer(self, request: BatchRequest) -> BatchOutcome:
        outcome = self._outcome(request)
        while outcome.error is not None and outcome.error.code == _FULL:
            self._stopped.wait(_FULL_WAIT_S)
            outcome = self._outcome(request)
        return outcome

    def _outcome(self, request: BatchRequest) -> BatchOutcome:
        try:
            answer = self._asked(request)
        except LLMError as err:
            self._check_stopped()
            if err.code == _CLOSED or isinstance(err, CassetteError):
                raise
            return BatchOutcome(request, error=err, status_code=err.status_code)
        self._check_stopped()
        return BatchOutcome(
            request,
            to_json(answer),
            status_code=200,
            model=answer.get("model"),
            usage=Usage.model_validate(answer.get("usage") or {}),
        )

    def _check_stopped(self) -> None:
        """:raises StoppedError: what has just ended may have been cut."""
        if self._stopped.is_set():
            raise StoppedError

    def _asked(self, request: BatchRequest) -> Mapping[str, Any]:
        if request.url == "/v1/embeddings":
            return self._calls.embeddings(request.body).model_dump()
        if in_process.now():  # a call that is recorded runs to its end
            return answered(replace(checked(self._calls, request), read=_as_it_is))
        stop = Stop()
        with self._ended_by_stop(stop.set):
            call = checked(self._calls, request).prepare(stop)
        run = Run(replace(call, read=_as_it_is))
        with self._ended_by_stop(run.cancel):
            answer: Mapping[str, Any] = run.response()
            return answer

    @contextmanager
    def _ended_by_stop(self, end: Callable[[], None]) -> Iterator[None]:
        """Have `stop` call `end` while the block runs; where it has been called, that is now."""
        with self._lock:
            self._ends.add(end)
        try:
            if self._stopped.is_set():
                end()
            yield
        finally:
            with self._lock:
                self._ends.discard(end)


def checked(calls: Calls, request: BatchRequest) -> CheckedCall[Any]:
    """The call that a request asks for, of whatever but embeddings."""
    arguments = dict(request.body)
    # As they were checked when they were read, neither is missing.
    if request.url == "/v1/completions":
        return calls.completion(arguments.pop("prompt"), arguments)
    return calls.chat(arguments.pop("messages"), arguments)


def _as_it_is(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """An answer that is written down need not become an object first."""
    return answer
