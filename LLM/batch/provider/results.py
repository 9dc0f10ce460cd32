"""The results of one batch, handed over line by line as they arrive."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from LLM.batch.engine import Finish
from LLM.batch.provider.calls import Calls
from LLM.batch.provider.parts import PartFile
from LLM.batch.provider.types import BatchAPI
from LLM.batch.types import BatchOutcome
from LLM.codec import lenient_json
from LLM.exceptions import LLMAPIError

logger = logging.getLogger("LLM")


class Results:
    """Reads the results of a part's batch, again from their start where the reading broke off.

    A result that is nobody's, a second one of the same request, and a line that cannot be read are
    passed over with a warning: the requests that have no result in the end are told of by
    `finish_missing`.

    :param file: the part.
    """

    def __init__(self, file: PartFile, api: BatchAPI, calls: Calls) -> None:
        #: Results that were handed over.
        self.n_handed = 0
        #: Requests of the part whose outcome was not wanted from the beginning.
        self.n_unwanted = sum(index < 0 for index in file.indexes)
        self._file = file
        self._api = api
        self._calls = calls
        self._places = {
            api.wire_id(file.part.mark, n, custom_id): n
            for n, custom_id in enumerate(file.custom_ids())
        }

    def read(self, paths: Iterable[str], finish: Finish) -> bool:
        """Hand over all results that were not yet.

        :param paths: of the files that they are in.
        :return: whether the batch is the part's own; it was only likely where another run has
            ended just when it was made.
        :raises LLMError: a file cannot be read to its end.
        """
        n_odd = 0
        is_certain = self._file.part.is_certain
        for path in paths:
            for line in self._calls.lines(path):
                fields = lenient_json(line)
                wire_id = fields.get("custom_id") if isinstance(fields, dict) else None
                n = self._places.get(wire_id) if isinstance(wire_id, str) else None
                if n is None:
                    if not is_certain and isinstance(wire_id, str):
                        return False
                    n_odd += 1
                    continue
                is_certain = True
                self._hand(n, fields, finish)
        if n_odd:
            logger.warning(
                "batch %s: %d lines of its results are of no request of it, or cannot be read",
                self._file.part.batch_id,
                n_odd,
            )
        return is_certain

    def finish_missing(self, status: str, finish: Finish) -> None:
        """Tell of the requests that have no result: they have failed, and nothing is lost.

        :param status: of the batch.
        """
        for n, index in enumerate(self._file.indexes):
            if index >= 0:
                source = self._calls.source
                error = LLMAPIError(
                    f"the batch {self._file.part.batch_id} of {source.provider} ended as "
                    f"{status!r} without a result for this request; ask it again with "
                    "retry_errors",
                    provider=source.provider,
                    code="missing_result",
                )
                finish(BatchOutcome(self._file.request(n), error=error))
                self._file.indexes[n] = -1

    def _hand(self, n: int, fields: dict[str, Any], finish: Finish) -> None:
        if self._file.indexes[n] < 0:
            return
        request = self._file.request(n)
        result = self._api.result(fields, request, self._calls)
        finish(
            BatchOutcome(
                request,
                answer=result.answer,
                error=result.error,
                status_code=result.status_code,
                request_id=result.request_id,
                model=result.model,
                usage=result.usage,
            )
        )
        self._file.indexes[n] = -1
        self.n_handed += 1
        self._file.n_done = max(0, self._file.n_done - 1)
