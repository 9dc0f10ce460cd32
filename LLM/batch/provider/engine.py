"""The engine that hands a job to the provider's own batch endpoint, and waits for it.

::

    requests ─▶ parts on the disk ─▶ batches at the provider ─▶ looked at ─▶ results ─▶ outcomes

A part is a batch at the provider. What a run leaves, a later one finds in the job's notes (see
`LLM.batch.provider.notes`) and goes on with; no batch is made twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from LLM.batch.engine import Finish
from LLM.batch.provider.calls import Calls
from LLM.batch.provider.notes import JobNotes
from LLM.batch.provider.partitioner import Partitioner
from LLM.batch.provider.parts import PartFile, request_line
from LLM.batch.provider.types import BatchAPI
from LLM.batch.provider.work import Work
from LLM.batch.stop import StoppedError
from LLM.batch.types import BatchOutcome, BatchRequest
from LLM.exceptions import InvalidRequestError, LLMError
from LLM.usage import UsageTracker

logger = logging.getLogger("LLM")


class ProviderEngine:
    """Answers requests through a provider's batch endpoint.

    :param api: the provider's.
    :param calls: makes its calls.
    :param folder: where the job's notes are kept; made when there is something to note.
    :param most_in_flight: most requests that the provider has at a time; None for no limit. It
        bounds each batch, too.
    :param keeps_rest: leave batches that this run does not want all of to a later one.
    :param usage: counts the tokens of what is answered; None counts none.
    """

    def __init__(
        self,
        api: BatchAPI,
        calls: Calls,
        folder: Path,
        *,
        most_in_flight: int | None = None,
        keeps_rest: bool = False,
        usage: UsageTracker | None = None,
    ) -> None:
        self._usage = usage
        self._api = api
        self._calls = calls
        self._folder = folder
        self._most = most_in_flight
        self._keeps_rest = keeps_rest
        self._parts: list[PartFile] = []

    @property
    def n_done_there(self) -> int:
        """Requests that the provider has ended and whose results are not fetched yet."""
        return sum(file.n_done for file in tuple(self._parts))

    def run(self, requests: Iterator[BatchRequest], finish: Finish) -> None:
        """See `BatchEngine.run`. It takes as long as the provider does, up to a day.

        :raises InvalidRequestError: the provider has refused a batch as a whole.
        :raises BatchOutputError: the notes cannot be read or written.
        """
        job = JobNotes(self._folder, self._api.name, self._calls.transport.url(""))
        job.remove_strays()
        counted = self._counted(finish)
        try:
            self._take(job, requests, finish)
            Work(job, self._api, self._calls, counted, self._parts, self._most).run(
                self._keeps_rest
            )
        except StoppedError:
            logger.warning("the job was stopped: %s", _whereabouts(job))
        except (KeyboardInterrupt, LLMError) as err:
            if note := _whereabouts(job):
                err.add_note(note)
                logger.warning("%s", note)
            raise
        finally:
            job.close()

    def tidy(self) -> None:
        """Forget what a run has left that ended when all was answered already."""
        if self._folder.is_dir():
            self.run(iter(()), _nothing_to_finish)

    def cancel(self) -> list[str]:
        """End the job's batches at the provider; what they have answered, the next run fetches.

        :return: their ids.
        :raises LLMError: one could not be ended.
        """
        if not self._folder.is_dir():
            return []
        job = JobNotes(self._folder, self._api.name, self._calls.transport.url(""))
        ids = [file.part.batch_id for file in job.parts if file.part.batch_id]
        for batch_id in ids:
            if not self._api.look(batch_id, self._calls).is_over:
                self._api.cancel(batch_id, self._calls)
        return ids

    def _counted(self, finish: Finish) -> Finish:
        """`finish`, and the tokens counted."""
        usage = self._usage
        if usage is None:
            return finish

        def counted(outcome: BatchOutcome) -> None:
            finish(outcome)
            if outcome.usage is not None:
                usage.settle(0, str(outcome.request.body.get("model")), outcome.usage)

        return counted

    def _take(self, job: JobNotes, requests: Iterator[BatchRequest], finish: Finish) -> None:
        """Find each request in a part, or put it into a new one."""
        places = job.places()
        with Partitioner(job, self._api, self._most) as partitioner:
            for request in requests:
                found = job.place(places, request.custom_id)
                if found is None:
                    try:
                        partitioner.add(request)
                    except InvalidRequestError as err:
                        finish(BatchOutcome(request, error=err))
                    continue
                file, n = found
                if file.line(n) != request_line(request):
                    raise InvalidRequestError(
                        f"the request {request.custom_id!r} has changed since the provider was "
                        "given it; give it as it was, or cancel the job's batches and delete "
                        f"{str(job.folder)!r} to begin anew"
                    )
                file.indexes[n] = request.index


def _nothing_to_finish(outcome: BatchOutcome) -> None:
    raise AssertionError(f"no request was given, so {outcome.request.custom_id!r} is none of ours")


def _whereabouts(job: JobNotes) -> str:
    """Which batches go on without this run; empty for none."""
    ids = [file.part.batch_id for file in job.parts if file.part.batch_id]
    if not ids:
        return ""
    shown = ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")
    return (
        f"the provider goes on with {shown}: the same call comes back for the results, "
        "and cancel_batch ends what is not answered yet"
    )
