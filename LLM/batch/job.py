"""A job from its input to its report: check, resume, answer, finish.

::

    source ─▶ check all ─▶ what is finished already? ─▶ engine ─▶ outcome ─▶ store ─▶ report
              (pass 1)      (output of earlier runs)    (pass 2)   a line, written at once

Requests of words that an earlier request has too are left out of the second pass where they are to
be answered once. A third pass then copies the first one's line to them: so they cost no memory, and
may be any distance apart.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice

from LLM import telemetry
from LLM.batch.bar import ShowProgress, progress_display
from LLM.batch.budget import Budget
from LLM.batch.engine import BatchEngine, Finish
from LLM.batch.estimate import CountTokens, Estimator
from LLM.batch.exceptions import BatchInputError, BatchOutputError
from LLM.batch.index import NO_PLACE, RequestIndex
from LLM.batch.lines import copied_line, error_of, outcome_line, read_line
from LLM.batch.output import AnyOutput
from LLM.batch.parsing import URLS, RequestReader
from LLM.batch.prompts import Requests, source_of
from LLM.batch.report import BatchReport, BatchResults, LineAt
from LLM.batch.settings import JobSettings
from LLM.batch.source import RawRequest, Source
from LLM.batch.stores import Store
from LLM.batch.tally import Heartbeat, Tally
from LLM.batch.target import Target
from LLM.batch.types import BatchOutcome, BatchRequest, BatchURL
from LLM.exceptions import LLMError
from LLM.telemetry import names


def run_job(
    requests: Requests,
    output: AnyOutput,
    engine: BatchEngine,
    settings: JobSettings,
    *,
    model: str | None = None,
    urls: tuple[BatchURL, ...] = URLS,
    count_tokens: CountTokens | None = None,
) -> BatchReport:
    """Answer all requests that no earlier run has answered.

    :param requests: see `source_of`; all are checked before the engine sees the first.
    :param output: path of a file of lines; an `Output`, which is made at the end; None keeps the
        answers in a temporary file, for the report's `results`.
    :param engine: answers the requests. What it raises ends the job, and what has finished stays.
    :param settings: of this run.
    :param model: of bodies that name none; None leaves them without.
    :param urls: what the engine can call.
    :param count_tokens: counts a request's prompt for a dry run; None estimates.
    :raises BatchInputError: something in `requests` is no request; nothing was sent.
    :raises BatchOutputError: the output is in use, cannot be written, or belongs to another job.
    :raises UsageLimitError: `max_cost` is reached.
    :raises LLMError: what has stopped the engine.
    """
    # Of a job in memory, no earlier run is there to have answered more.
    source = source_of(requests, settings.limit if output is None else None)
    target = Target(output, settings)
    target.check_input(source)
    job = _Job(source, target, settings, RequestReader(model, urls))
    if settings.dry_run:
        return job.estimate(Estimator(settings.price, count_tokens))
    with target.lock(), telemetry.work("batch") as work, _shown(settings) as show:
        try:
            return job.run(engine, show)
        finally:
            if work is not None:
                work.tell(job.counts())


class _Job:
    """One run of a job."""

    def __init__(
        self, source: Source, target: Target, settings: JobSettings, reader: RequestReader
    ) -> None:
        self._source = source
        self._target = target
        self._settings = settings
        self._reader = reader
        self._tally = Tally(settings.price)
        self._budget: Budget | None = None
        if settings.max_cost is not None and settings.price is not None:
            self._budget = Budget(settings.max_cost, settings.price)
        self._index = RequestIndex(wordings=settings.deduplicate)
        #: Requests of the job: those of the input, up to the limit.
        self._n = 0
        self._store: Store | None = None
        self._lock = threading.Lock()

    def estimate(self, estimator: Estimator) -> BatchReport:
        """A dry run."""
        self._check()
        for line in self._target.existing():
            self._resume(0, line)
        for request in self._unfinished(shared=False):
            estimator.add(request)
        return replace(self._report(self._target.line_at), estimate=estimator.estimate())

    def run(self, engine: BatchEngine, show: ShowProgress | None) -> BatchReport:
        """Answer what is left."""
        # Of the engines, those whose answers are made elsewhere can tell of them.
        self._tally.n_waiting = lambda: getattr(engine, "n_done_there", 0)
        shown = None if show is None else lambda: show(self._tally.progress())
        with Heartbeat(shown, self._sync) as beat:
            self._check()
            with contextlib.closing(self._target.open()) as store:
                self._store = store
                self._resume_all(store)
                if self._tally.n_resumed < self._n:
                    self._answer(engine, store, beat)
                store.complete(self._in_order(store))
                self._store = None
        return self._report(store.reader or self._target.line_at)

    def counts(self) -> dict[str, int]:
        """What its span tells of it."""
        tally = self._tally
        return {
            names.BATCH_REQUESTS: self._n,
            names.BATCH_RESUMED: tally.n_resumed,
            names.BATCH_ANSWERED: tally.n_answered,
            names.BATCH_FAILED: tally.n_failed,
        }

    def _sync(self) -> None:
        if (store := self._store) is not None:
            store.sync()

    def _check(self) -> None:
        """Read and check every request; up to the limit where nothing is there to resume."""
        limit = self._settings.limit
        last = None if self._target.has_earlier() else limit
        for index, (place, raw) in enumerate(islice(self._places(), last)):
            request = self._reader.request(raw, index, place)
            if self._budget is not None:
                self._budget.check(request)
            first = self._index.add(request)
            if first != index:
                raise BatchInputError(
                    f"{place}: 'custom_id' is {request.custom_id!r}, which request {first + 1} has "
                    "already; give each its own"
                )
        self._n = min(len(self._index), limit or len(self._index))
        self._tally.n_requests = self._n

    def _places(self) -> Iterator[tuple[str, RawRequest]]:
        """What the source has, each with where it stands."""
        head = f"{self._source.name}, {self._source.unit} "
        return ((f"{head}{number}", raw) for number, raw in self._source.read())

    def _resume_all(self, store: Store) -> None:
        """Find what earlier runs have finished, and forget their failures where that is wanted."""
        for place, line in store.scan():
            self._resume(place, line)
        if self._settings.retry_errors and self._n_failures():
            store.keep_only(lambda line: not self._is_asked_again(line))
            self._index.forget_places()
            for place, line in store.scan():
                self._resume(place, line)
        places = self._index.places[: self._n]
        self._tally.n_resumed = sum(1 for place in places if place != NO_PLACE)
        further = self._index.places[self._n :]
        if self._target.is_remade and any(place != NO_PLACE for place in further):
            raise BatchOutputError(
                f"limit is {self._n:,}, and {str(self._target.output)!r} has answers of requests "
                "behind it, which would be lost where it is made again; give a larger one, or none"
            )

    def _resume(self, place: int, line: bytes) -> None:
        """Note a line of an earlier run.

        :raises BatchOutputError: it is not of this job.
        """
        record = read_line(line)
        index = None if record is None else self._index.of(record.custom_id)
        if record is None or index is None:
            found = "a line that is none" if record is None else f"{record.custom_id!r}, which is"
            raise BatchOutputError(
                f"{str(self._target.output)!r} holds {found} of {self._source.name}: it is of "
                "another job; name another output, or move this one away"
            )
        if not self._index.is_of(index, record.id):
            raise BatchOutputError(
                f"{str(self._target.output)!r} has {record.custom_id!r} answered for other words "
                f"than {self._source.name} has now: its body, or the model, was changed; name "
                "another output, or move this one away"
            )
        failed = record.error is not None
        if not self._index.is_finished(index) or not failed:
            self._index.finish(index, place, failed=failed)

    def _is_asked_again(self, line: bytes) -> bool:
        record = read_line(line)
        index = self._index.of(record.custom_id) if record is not None else None
        return (
            record is not None
            and record.error is not None
            and index is not None
            and index < self._n
        )

    def _n_failures(self) -> int:
        places = self._index.places[: self._n]
        return sum(1 for place in places if place != NO_PLACE and place & 1)

    def _answer(self, engine: BatchEngine, store: Store, beat: Heartbeat) -> None:
        """Have the engine answer what is unfinished, then share the answers of equal words."""

        def finish(outcome: BatchOutcome) -> None:
            beat.check()
            failed = outcome.error is not None
            line = outcome_line(outcome)
            with self._lock:
                index = outcome.request.index
                if self._index.is_finished(index):
                    return  # an engine that asks again what it may have lost finds it twice
                self._index.finish(index, store.append(line, failed=failed), failed=failed)
            self._tally.add(outcome)
            if self._budget is not None:
                self._budget.settle(outcome)

        self._run_passes(engine, finish)
        for request in self._unfinished(shared=True):
            self._share(request, store)
        n_left = self._n - self._tally.n_resumed - self._tally.n_finished
        if n_left and self._budget is not None and self._budget.refused:
            raise self._budget.error(n_left)
        if n_left:
            raise LLMError(
                f"{n_left:,} of {self._n:,} requests were left without an answer; the same call "
                "asks them again"
            )

    def _run_passes(self, engine: BatchEngine, finish: Finish) -> None:
        """Have the engine answer what is unfinished, as far as the budget goes.

        Requests are held for at the most that they may cost. When they have ended, for less, there
        may be room for more: so one pass follows another while they get anywhere.
        """
        budget = self._budget
        while True:
            n_before = 0 if budget is None else budget.n_taken
            with contextlib.closing(self._unfinished(shared=False)) as requests:
                engine.run(requests, finish)
            if budget is None or not budget.refused or budget.n_taken == n_before:
                return

    def _unfinished(self, *, shared: bool) -> Generator[BatchRequest, None, None]:
        """Requests without a line.

        :param shared: those whose words an earlier one has too, or else the others.
        """
        n_seen = 0
        for index, (place, raw) in enumerate(islice(self._places(), self._n)):
            n_seen += 1
            is_first = self._index.first_of_words(index) == index
            if self._index.is_finished(index) or is_first == shared:
                continue
            request = self._reader.request_again(raw, index)
            if request is None or not self._is_as_checked(request):
                raise self._changed(place)
            if not shared:
                if self._budget is not None and not self._budget.take(request):
                    return
                self._tally.take()
            yield request
        if n_seen < self._n:
            raise self._changed(self._source.name)

    def _is_as_checked(self, request: BatchRequest) -> bool:
        index = self._index
        return index.of(request.custom_id) == request.index and index.is_of(
            request.index, request.id
        )

    def _share(self, request: BatchRequest, store: Store) -> None:
        """Give a request the outcome of the first of its words."""
        first = self._index.places[self._index.first_of_words(request.index)]
        if first == NO_PLACE:
            return
        line = store.line_at(first >> 1, failed=bool(first & 1))
        record = read_line(line)
        assert record is not None, "the store gives what was read or written before"
        copy = copied_line(line, record, request.custom_id)
        failed = record.error is not None
        self._index.finish(request.index, store.append(copy, failed=failed), failed=failed)
        outcome = BatchOutcome(request, b"", error_of(record), shared=True)
        self._tally.add(outcome, taken=False)

    def _changed(self, place: str) -> BatchInputError:
        return BatchInputError(f"{place} was changed while the job ran; run it again")

    def _in_order(self, store: Store) -> Iterator[bytes]:
        """The lines in the input's order. Places become those that `OrderedLines` gives them."""
        at = [0, 0]
        for index in range(self._n):
            place = self._index.places[index]
            failed = place & 1
            line = store.line_at(place >> 1, failed=bool(failed))
            yield line
            self._index.finish(index, at[failed], failed=bool(failed))
            at[failed] += len(line)

    def _report(self, line_at: LineAt) -> BatchReport:
        tally, target = self._tally, self._target
        n_finished = sum(1 for place in self._index.places[: self._n] if place != NO_PLACE)
        n_failed = self._n_failures()
        return BatchReport(
            n_requests=self._n,
            n_answered=n_finished - n_failed,
            n_failed=n_failed,
            n_resumed=tally.n_resumed,
            n_shared=tally.n_shared,
            usage=tally.usage,
            cost=tally.cost,
            elapsed_s=tally.elapsed_s,
            output=target.output,
            errors=target.errors if n_failed else None,
            results=BatchResults(line_at, self._index.places[: self._n]),
        )


def _shown(settings: JobSettings) -> AbstractContextManager[ShowProgress | None]:
    """What is shown of the job's progress."""
    if callable(settings.progress):
        return contextlib.nullcontext(settings.progress)
    return progress_display(settings.progress)
