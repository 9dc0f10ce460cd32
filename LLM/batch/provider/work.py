"""One run's work on the parts of a job: handed over, looked at, fetched, and forgotten."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from LLM.batch.engine import Finish
from LLM.batch.provider.calls import Calls, Patience, is_passing
from LLM.batch.provider.notes import JobNotes
from LLM.batch.provider.partitioner import Partitioner
from LLM.batch.provider.parts import PartFile, read_request
from LLM.batch.provider.results import Results
from LLM.batch.provider.types import BatchAPI, BatchState, Lines, Problem
from LLM.batch.types import BatchOutcome
from LLM.exceptions import InvalidRequestError, LLMError, LLMRateLimitError

logger = logging.getLogger("LLM")

#: How often requests that the provider refuses are taken out of a part before it is given up.
_MAX_GENERATIONS = 3
#: OpenAI's word for an account whose batches wait for too many tokens together.
_QUEUE_IS_FULL = "token_limit_exceeded"


class Work:
    """One run's work on the parts of a job, once they are on the disk."""

    def __init__(
        self,
        job: JobNotes,
        api: BatchAPI,
        calls: Calls,
        finish: Finish,
        parts: list[PartFile],
        most_in_flight: int | None,
    ) -> None:
        self._job = job
        self._api = api
        self._calls = calls
        self._finish = finish
        self._parts = parts
        self._most = most_in_flight
        self._patience = Patience()
        # The longest that a look of this round wants to have waited, in seconds.
        self._asked_s = 0.0

    def run(self, keeps_rest: bool) -> None:
        """Until every request that is wanted has its outcome."""
        wanted = [file for file in self._job.parts if file.is_wanted]
        for file in [file for file in self._job.parts if file not in wanted]:
            if not keeps_rest:
                self._done(file)
        self._parts[:] = wanted
        while self._parts:
            self._submit()
            self._asked_s = 0.0
            has_changed = False
            for file in [file for file in self._parts if file.part.batch_id]:
                has_changed |= self._advance(file, keeps_rest)
            if not has_changed:
                self._calls.stop.sleep(max(self._asked_s, self._patience.pause_s()))

    def _submit(self) -> None:
        """Hand over what fits beside what the provider has."""
        n_in_flight = sum(f.part.n_requests for f in self._parts if f.part.batch_id)
        for file in [file for file in self._parts if not file.part.batch_id]:
            n_after = n_in_flight + file.part.n_requests
            if n_in_flight and (file.waits or (self._most and n_after > self._most)):
                continue
            self._api.submit(file.part, self._lines(file), self._calls, self._job.save)
            n_in_flight = n_after
            logger.info("batch %s: %d requests", file.part.batch_id, file.part.n_requests)

    def _lines(self, file: PartFile) -> Lines:
        def lines() -> Iterator[bytes]:
            for n, line in enumerate(file.lines()):
                request = read_request(line, file.indexes[n])
                wire_id = self._api.wire_id(file.part.mark, n, request.custom_id)
                yield self._api.wire_line(request, wire_id)

        return lines

    def _advance(self, file: PartFile, keeps_rest: bool) -> bool:
        """Look at a batch, and fetch what it has when it is over. :return: whether it is."""
        state = self._look(file)
        if state is None:
            return False
        file.n_done = min(state.n_done, file.part.n_requests)
        if state.problems:
            self._refused(file, state.problems)
        elif state.is_over:
            self._collect(file, state, keeps_rest)
        else:
            return False
        for other in self._parts:
            other.waits = other.waits and other is file
        self._patience.restart()
        return True

    def _look(self, file: PartFile) -> BatchState | None:
        """How a batch is; None where that cannot be told now."""
        batch_id = file.part.batch_id
        assert batch_id is not None, "it was submitted"
        try:
            state = self._api.look(batch_id, self._calls)
        except LLMError as err:
            if err.status_code != 404:
                self._asked_s = max(self._asked_s, self._patience.after(err))
                return None
            raise self._gone(file, err) from err
        self._patience.answered()
        return state

    def _gone(self, file: PartFile, error: LLMError) -> InvalidRequestError:
        return InvalidRequestError(
            f"{error.message}: the batch {file.part.batch_id} is gone, or the key is another "
            "account's; give the key that the job was begun with, or delete "
            f"{str(self._job.folder)!r} to begin anew what is not answered yet",
            status_code=404,
            provider=error.provider,
            code="batch_gone",
        )

    def _collect(self, file: PartFile, state: BatchState, keeps_rest: bool) -> None:
        """Hand over the results of a batch that is over."""
        results = Results(file, self._api, self._calls)
        patience = Patience()
        while True:
            n_before = results.n_handed
            try:
                is_own = results.read(state.result_paths, self._finish)
                break
            except LLMError as err:
                if err.status_code == 404:
                    raise self._gone(file, err) from err
                if not is_passing(err):
                    raise
                if results.n_handed > n_before:
                    patience.restart()
                self._calls.stop.sleep(patience.after(err))
        if not is_own:
            logger.warning("batch %s is of another job; looking on", file.part.batch_id)
            file.part.drop_batch()
            self._job.save()
            return
        kept = keeps_rest and results.n_unwanted > 0
        results.finish_missing(state.status, self._finish)
        self._parts.remove(file)
        if not kept:
            self._done(file)

    def _refused(self, file: PartFile, problems: tuple[Problem, ...]) -> None:
        """The provider did not begin a batch: take out what it does not like, or give up."""
        part = file.part
        if any(problem.code == _QUEUE_IS_FULL for problem in problems):
            self._wait_for_others(file, problems[0])
            return
        blamed = {p.line - 1: p for p in problems if p.line and p.line <= part.n_requests}
        if not blamed or part.generation >= _MAX_GENERATIONS:
            self._parts.remove(file)
            self._done(file)
            told = "; ".join(_told(problem) for problem in problems[:3])
            raise InvalidRequestError(
                f"{self._calls.source.provider} has refused the batch of {part.n_requests:,} "
                f"requests: {told}; nothing of it was answered or paid for: mend that and run the "
                "job again",
                code=problems[0].code or "batch_failed",
                provider=self._calls.source.provider,
            )
        for n, problem in blamed.items():
            if file.indexes[n] >= 0:
                error = InvalidRequestError(
                    f"{self._calls.source.provider} has refused the request: {problem.message}",
                    code=problem.code,
                    provider=self._calls.source.provider,
                )
                self._finish(BatchOutcome(file.request(n), error=error))
        self._without(file, set(blamed))

    def _wait_for_others(self, file: PartFile, problem: Problem) -> None:
        """Send a part again when another has ended, for the account's queue is full."""
        batch_id = file.part.batch_id
        file.part.drop_batch()
        self._job.save()
        if not any(other.part.batch_id for other in self._parts):
            raise LLMRateLimitError(
                f"{self._calls.source.provider} has no room for the batch {batch_id}: "
                f"{problem.message}; run the job again when other batches have ended, or with a "
                "lower concurrency, which makes smaller batches",
                code=problem.code,
                provider=self._calls.source.provider,
            )
        file.waits = True

    def _without(self, file: PartFile, refused: set[int]) -> None:
        """Replace a part by one without the requests that were refused."""
        with Partitioner(self._job, self._api, None, file.part.generation + 1) as partitioner:
            for n in range(file.part.n_requests):
                if n not in refused:
                    partitioner.add(file.request(n))
        at = self._parts.index(file)
        self._parts[at : at + 1] = partitioner.made
        self._done(file)

    def _done(self, file: PartFile) -> None:
        """Forget a part, and have the provider forget its requests."""
        try:
            self._api.clean_up(file.part, self._calls)
        except LLMError as err:
            if err.status_code != 404:
                logger.warning(
                    "could not delete the file %s at the provider (%s); it is of no use any more",
                    file.part.file_id,
                    type(err).__name__,
                )
        self._job.forget(file)


def _told(problem: Problem) -> str:
    where = f"line {problem.line}: " if problem.line else ""
    code = f" ({problem.code})" if problem.code else ""
    return f"{where}{problem.message}{code}"
