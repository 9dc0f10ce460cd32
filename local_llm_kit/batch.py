"""Jobs of many requests, answered by models in this process: see `LLM.batch`.

Threads ask, since a call does other work than waiting: it loads a model, computes embeddings, has a
summary written. There are more of them than a model has slots, so that a slot that is free finds
the next request in the queue, tokenized.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from LLM.batch.types import BatchOutcome, BatchRequest, BatchURL
from LLM.exceptions import LLMError
from LLM.types import Usage
from LLM.wire import in_process
from local_llm_kit.calls import Call, Calls
from local_llm_kit.checked import CheckedCall
from local_llm_kit.layered import answered
from local_llm_kit.runs import Run

if TYPE_CHECKING:
    from LLM.batch.engine import Finish
    from local_llm_kit.catalog import Catalog

#: What models in this process are asked.
LOCAL_URLS: tuple[BatchURL, ...] = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")

_PER_SLOT = 2
# The client was closed, or its process forked: no request gets an answer any more.
_CLOSED = "engine_closed"
# Other callers of the same client fill its queue. A token takes milliseconds, an answer seconds.
_FULL, _FULL_WAIT_S = "queue_full", 0.05


class LocalEngine:
    """Answers requests of jobs; see `LLM.batch.engine.BatchEngine`.

    :param catalog: the models of a client, which stays open until the job has ended. What the
        client remembers of a conversation is no part of a job.
    :param concurrency: most requests that are asked at the same time, at least 1; None for twice
        the slots of the client's model.
    :param timeout_s: seconds for a request that gives no `timeout`; None waits for ever.
    """

    def __init__(
        self, catalog: Catalog, concurrency: int | None = None, timeout_s: float | None = None
    ) -> None:
        self._catalog = catalog
        self._calls = Calls(catalog, timeout_s)
        self._concurrency = concurrency
        self._lock = threading.Lock()
        self._at_work: list[_Work] = []
        self._is_stopped = False

    def run(self, requests: Iterator[BatchRequest], finish: Finish) -> None:
        """Answer all requests.

        :raises LLMServerError: the client was closed.
        :raises LLMError: its model cannot be loaded.
        """
        n_threads = self._concurrency or self._n_threads()
        work = _Work(self._calls, requests, finish)
        with self._lock:
            self._at_work.append(work)
            is_stopped = self._is_stopped
        try:
            if not is_stopped:
                work.run(n_threads)
        finally:
            with self._lock:
                self._at_work.remove(work)

    def _n_threads(self) -> int:
        """How many threads keep the client's own model at work."""
        if in_process.answers_alone:  # a cassette does, and the model need not be there
            return _PER_SLOT
        with self._catalog.lease(None) as model:
            return _PER_SLOT * model.stats.n_slots

    def stop(self) -> None:
        """End what runs, whose requests have no outcome then, and begin no more. For any thread."""
        with self._lock:
            self._is_stopped = True
            at_work = list(self._at_work)
        for work in at_work:
            work.stop()

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
            call = prepared(self._calls, replace(request, body=body))
            call.lease.release()
            return call.job.n_prompt_tokens or 0
        asked = body["input"]
        several = isinstance(asked, list) and not isinstance(asked[0], int)
        with self._catalog.lease(body.get("model")) as model:
            return sum(
                len(model.tokenize(one, add_special=True)) if isinstance(one, str) else len(one)
                for one in (asked if several else [asked])
            )


def checked(calls: Calls, request: BatchRequest) -> CheckedCall[Any]:
    """The call that a request asks for, of whatever but embeddings."""
    arguments = dict(request.body)
    # As they were checked when they were read, neither is missing.
    if request.url == "/v1/completions":
        return calls.completion(arguments.pop("prompt"), arguments)
    return calls.chat(arguments.pop("messages"), arguments)


def prepared(calls: Calls, request: BatchRequest) -> Call[Any]:
    """The same, ready to run."""
    return checked(calls, request).prepare()


class _Work:
    """What the threads of a job share."""

    def __init__(self, calls: Calls, requests: Iterator[BatchRequest], finish: Finish) -> None:
        self._calls = calls
        self._requests = requests
        self._finish = finish
        self._reading = threading.Lock()
        self._lock = threading.Lock()
        self._runs: set[Run[Any]] = set()
        self._stopped = threading.Event()
        self._error: BaseException | None = None

    def run(self, n_threads: int) -> None:
        """Answer all requests. :raises BaseException: what has ended the job before its time."""
        threads = [
            threading.Thread(target=self._go, name=f"llm-batch-{i}", daemon=True)
            for i in range(n_threads)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException:  # Ctrl-C
            self.stop()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            raise
        if self._error is not None:
            raise self._error

    def _go(self) -> None:
        """Answer one request after another."""
        try:
            while (request := self._next()) is not None:
                outcome = self._outcome(request)
                if self._stopped.is_set():  # its answer may have been cut
                    return
                self._finish(outcome)
        except BaseException as err:  # noqa: BLE001 - it is raised where the job was begun
            self._error = self._error or err
            self.stop()

    def stop(self) -> None:
        """End what runs; its requests have no outcome. Repeatable."""
        self._stopped.set()
        with self._lock:
            runs = list(self._runs)
        for run in runs:
            run.cancel()

    def _next(self) -> BatchRequest | None:
        with self._reading:
            return None if self._stopped.is_set() else next(self._requests, None)

    def _outcome(self, request: BatchRequest) -> BatchOutcome:
        while True:
            try:
                answer = self._answer(request)
            except LLMError as err:
                if err.code == _CLOSED:
                    raise
                if err.code != _FULL or self._stopped.wait(_FULL_WAIT_S):
                    return BatchOutcome(request, error=err, status_code=err.status_code)
            else:
                return BatchOutcome(
                    request,
                    to_json(answer),
                    status_code=200,
                    model=answer.get("model"),
                    usage=Usage.model_validate(answer.get("usage") or {}),
                )

    def _answer(self, request: BatchRequest) -> Mapping[str, Any]:
        if request.url == "/v1/embeddings":
            return self._calls.embeddings(request.body).model_dump()
        if in_process.now():  # a call that is recorded runs to its end
            return answered(replace(checked(self._calls, request), read=_as_it_is))
        run = Run(replace(prepared(self._calls, request), read=_as_it_is))
        with self._lock:
            self._runs.add(run)
        try:
            if self._stopped.is_set():
                run.cancel()
            answer: Mapping[str, Any] = run.response()
            return answer
        finally:
            with self._lock:
                self._runs.discard(run)


def _as_it_is(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """An answer that is written down need not become an object first."""
    return answer
