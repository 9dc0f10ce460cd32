"""From a job's requests to parts on the disk, none larger than the provider takes."""

from __future__ import annotations

import contextlib
import os
from array import array
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from LLM.batch.files import told
from LLM.batch.provider.notes import JobNotes
from LLM.batch.provider.parts import Part, PartFile, request_line
from LLM.batch.provider.types import BatchAPI
from LLM.batch.types import BatchRequest, BatchURL
from LLM.exceptions import InvalidRequestError

#: Most parts that are written at a time: a job of more models closes the oldest early.
_MAX_OPEN = 32
#: What a batch takes beside its lines.
_FRAME_BYTES = 1024


class PartWriter:
    """Writes the file of one part.

    :param number: of the part.
    :param path: must not be there yet.
    """

    def __init__(self, number: int, path: Path, generation: int = 0) -> None:
        self.weight = 0
        self.size_bytes = 0
        self._generation = generation
        self._number = number
        self._mark = os.urandom(8).hex()
        self._url: BatchURL | None = None
        self._n_written = 0
        self._path = path
        self._starts, self._indexes = array("q"), array("q")
        with told(path, "write"):
            self._file: IO[bytes] = open(path, "xb", buffering=1 << 20)  # noqa: SIM115  # closed by `close` and `drop`

    @property
    def draft(self) -> Part:
        """The part as it would be if no other request came."""
        assert self._url is not None, "a part has requests"
        return Part(
            number=self._number,
            mark=self._mark,
            url=self._url,
            n_requests=len(self._starts),
            size_bytes=self.size_bytes,
            generation=self._generation,
            is_new=True,
        )

    @property
    def n_requests(self) -> int:
        """Requests so far."""
        return len(self._starts)

    def add(self, request: BatchRequest, size_bytes: int, weight: int) -> None:
        """Write a request.

        :param size_bytes: as the provider takes it, with its line feed.
        :param weight: see `BatchAPI.weight`.
        """
        line = request_line(request)
        with told(self._path, "write"):
            self._file.write(line)
        self._starts.append(self._n_written)
        self._indexes.append(request.index)
        self._n_written += len(line)
        self._url = request.url
        self.size_bytes += size_bytes
        self.weight += weight

    def close(self) -> PartFile:
        """End the file, which is on the disk then. :return: the part."""
        with told(self._path, "write"), self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
        done = PartFile(self.draft, self._path)
        done.starts, done.indexes = self._starts, self._indexes
        return done

    def drop(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self._file.close()
            self._path.unlink()


class Partitioner:
    """Puts requests into parts. Leaving its block ends the parts and notes them in the job.

    :param job: that the parts belong to.
    :param most: most requests of a part, beside the provider's own limit; None for that alone.
    :param generation: see `Part.generation`.
    """

    def __init__(self, job: JobNotes, api: BatchAPI, most: int | None, generation: int = 0) -> None:
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
