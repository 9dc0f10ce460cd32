"""From a job's requests to parts on the disk, none larger than the provider takes."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from LLM.batch.provider.parts import Job, PartFile, PartWriter
from LLM.batch.provider.types import BatchAPI
from LLM.batch.types import BatchRequest
from LLM.exceptions import InvalidRequestError

#: Most parts that are written at a time: a job of more models closes the oldest early.
_MAX_OPEN = 32
#: What a batch takes beside its lines.
_FRAME_BYTES = 1024


class Spool:
    """Puts requests into parts. Leaving its block ends the parts and notes them in the job.

    :param job: that the parts belong to.
    :param most: most requests of a part, beside the provider's own limit; None for that alone.
    :param generation: see `Part.generation`.
    """

    def __init__(self, job: Job, api: BatchAPI, most: int | None, generation: int = 0) -> None:
        #: The parts that were made.
        self.made: list[PartFile] = []
        self._job = job
        self._api = api
        self._most = most
        self._generation = generation
        self._open: dict[str, PartWriter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            for writer in self._open.values():
                writer.drop()
            for file in self.made:
                file.path.unlink(missing_ok=True)
            return
        for group in list(self._open):
            self._end(group)
        for file in self.made:
            self._job.add(file)
        if self.made:
            self._job.save()

    def add(self, request: BatchRequest) -> None:
        """Take a request.

        :raises InvalidRequestError: the provider has no form for it, or takes none of its size.
        """
        api, group = self._api, self._api.group(request)
        writer = self._open.get(group)
        n = writer.n_requests if writer else 0
        # All marks are of one length, so another part's serves to measure.
        wire_id = api.wire_id("0" * 16, n, request.custom_id)
        size_bytes, weight = len(api.wire_line(request, wire_id)) + 1, api.weight(request)
        if size_bytes + _FRAME_BYTES > api.max_bytes or weight > api.max_requests:
            raise InvalidRequestError(
                f"the request {request.custom_id!r} is larger than a whole batch may be"
            )
        if writer is not None and self._is_full(writer, size_bytes, weight):
            self._end(group)
            writer = None
        if writer is None:
            writer = self._begin(group)
        writer.add(request, size_bytes, weight)

    def _is_full(self, writer: PartWriter, size_bytes: int, weight: int) -> bool:
        """Whether a part has no room for another request."""
        # One that comes first in the next part may have a shorter name there, never a longer one.
        return (
            writer.size_bytes + size_bytes + _FRAME_BYTES > self._api.max_bytes
            or writer.weight + weight > self._api.max_requests
            or (self._most is not None and writer.n_requests >= self._most)
        )

    def _begin(self, group: str) -> PartWriter:
        if len(self._open) >= _MAX_OPEN:
            self._end(next(iter(self._open)))
        writer = PartWriter(*self._job.begin(), self._generation)
        self._open[group] = writer
        return writer

    def _end(self, group: str) -> None:
        self.made.append(self._open.pop(group).close())
