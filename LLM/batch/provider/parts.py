"""The notes of a job that a provider answers: its parts, each a batch there, and their requests.

They lie in a folder beside the output, ``out.jsonl.batches``: ``job.json`` says which parts there
are and how far each is, ``part-000001.jsonl`` holds a part's requests in OpenAI's format. What
cannot be taken twice (making a batch, which is paid for) is written down before and after, so that
a run that ends in between, however it ends, is gone on with. The folder goes when the job is done.
"""

from __future__ import annotations

import contextlib
import os
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json, to_json

from LLM.batch.digests import DigestTable, digest_of_id
from LLM.batch.exceptions import BatchOutputError
from LLM.batch.files import replace_lines, sync_folder, told
from LLM.batch.parsing import request_id
from LLM.batch.types import BatchRequest, BatchURL

#: What the table of requests has for one: the part's number above, its place in the part below.
_PLACE_BITS = 32


class Part(BaseModel):
    """What is written down of a part.

    :param number: names its file.
    :param mark: 16 random characters that no other part has.
    :param url: what all its requests call.
    :param n_requests: how many they are.
    :param size_bytes: of its requests as the provider takes them, each with a line feed.
    :param generation: how often requests that the provider refused were taken out of it.
    :param file_id: its requests at the provider, where they are uploaded before the batch is made.
    :param creating: whether making its batch has begun.
    :param newest_id: the newest batch that was there before; empty for none.
    :param batch_id: its batch; None until it is made.
    :param is_certain: whether `batch_id` is known to be its batch, or only looks like it.
    :param past_ids: batches that are not its own, or were refused.
    """

    number: int = Field(ge=1)
    mark: str
    url: BatchURL
    n_requests: int = Field(ge=1)
    size_bytes: int = Field(ge=1)
    generation: int = 0
    file_id: str | None = None
    creating: bool = False
    newest_id: str | None = None
    batch_id: str | None = None
    is_certain: bool = True
    past_ids: list[str] = []
    #: Whether this run has made it, so that none before can have uploaded it. Not written down.
    is_new: bool = Field(default=False, exclude=True)

    def drop_batch(self) -> None:
        """Its batch is none: another is to be made."""
        if self.batch_id is not None:
            self.past_ids.append(self.batch_id)
        self.batch_id, self.is_certain = None, True


class _Notes(BaseModel):
    """What ``job.json`` holds."""

    version: Literal[1] = 1
    api: str
    address: str
    parts: list[Part] = []


class PartFile:
    """A part, with its requests on the disk.

    It takes 16 bytes of memory a request.

    :param part: what is written down of it.
    :param path: its requests.
    """

    def __init__(self, part: Part, path: Path) -> None:
        self.part = part
        self.path = path
        #: Where the line of each request begins.
        self.starts = array("q")
        #: Index of each request in this run's input; -1 for one whose outcome is not wanted.
        self.indexes = array("q")
        #: Requests that the provider has ended, as far as it tells.
        self.n_done = 0
        #: Whether it is to be sent only after another part has ended.
        self.waits = False

    @property
    def is_wanted(self) -> bool:
        """Whether a request of it has no outcome yet."""
        return any(index >= 0 for index in self.indexes)

    def lines(self) -> Iterator[bytes]:
        """The line of each request."""
        with told(self.path, "read"), open(self.path, "rb", buffering=1 << 20) as file:
            yield from file

    def custom_ids(self) -> Iterator[str]:
        """The caller's name of each request.

        :raises BatchOutputError: a line is not what was written.
        """
        for n, line in enumerate(self.lines()):
            try:
                custom_id = from_json(line)["custom_id"]
            except (ValueError, TypeError, KeyError):
                custom_id = None
            if not isinstance(custom_id, str):
                raise self._damaged(f"line {n + 1} is no request")
            yield custom_id

    def line(self, n: int) -> bytes:
        """The line of a request, by its place."""
        with told(self.path, "read"), open(self.path, "rb") as file:
            file.seek(self.starts[n])
            return file.readline()

    def request(self, n: int) -> BatchRequest:
        """A request, by its place."""
        return read_request(self.line(n), self.indexes[n])

    def load(self) -> None:
        """Find the lines. :raises BatchOutputError: there are not as many as were written."""
        start = 0
        for line in self.lines():
            self.starts.append(start)
            start += len(line)
        self.indexes = array("q", [-1]) * len(self.starts)
        if len(self.starts) != self.part.n_requests:
            raise self._damaged(
                f"it holds {len(self.starts):,} requests where {self.part.n_requests:,} were "
                "written"
            )

    def _damaged(self, how: str) -> BatchOutputError:
        return BatchOutputError(
            f"{str(self.path)!r} is damaged: {how}; bring it back, or cancel the job's batches "
            "and delete its folder to begin anew"
        )


class Job:
    """The parts of a job, and what is written down of them.

    :param folder: where; made when it is missing.
    :param api: name of the provider's API.
    :param address: where the provider is.
    :raises BatchOutputError: the folder cannot be used, or belongs to a job at another provider.
    """

    def __init__(self, folder: Path, api: str, address: str) -> None:
        self.folder = folder
        with told(folder, "make"):
            folder.mkdir(exist_ok=True)
        self._path = folder / "job.json"
        self._notes = self._read(api, address)
        self.parts = [self._file(part) for part in self._notes.parts]
        for file in self.parts:
            file.load()

    def save(self) -> None:
        """Write down how far the parts are; it is on the disk when this returns."""
        self._notes.parts = [file.part for file in self.parts]
        replace_lines(self._path, [to_json(self._notes, indent=1)])

    def places(self) -> DigestTable:
        """Where each request is, by the digest of its custom_id; see `place`."""
        table = DigestTable()
        for number, file in enumerate(self.parts):
            for n, custom_id in enumerate(file.custom_ids()):
                table.add(digest_of_id(custom_id), number << _PLACE_BITS | n)
        return table

    def place(self, table: DigestTable, custom_id: str) -> tuple[PartFile, int] | None:
        """The part that a request is in, and where; None where it is in none."""
        found = table.get(digest_of_id(custom_id))
        if found is None:
            return None
        return self.parts[found >> _PLACE_BITS], found & (1 << _PLACE_BITS) - 1

    def begin(self) -> tuple[int, Path]:
        """Number and file of a part that is to be written."""
        taken = [int(path.stem.removeprefix("part-")) for path in self.folder.glob("part-*.jsonl")]
        number = max(taken, default=0) + 1
        return number, self._part_path(number)

    def add(self, file: PartFile) -> None:
        """Take a part whose file is complete."""
        self.parts.append(file)

    def forget(self, file: PartFile) -> None:
        """A part is done with."""
        self.parts.remove(file)
        self.save()
        with contextlib.suppress(OSError):
            file.path.unlink()

    def close(self) -> None:
        """Remove the folder unless there is still a part."""
        if self.parts:
            return
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
            self.folder.rmdir()
            sync_folder(self.folder.parent)

    def _read(self, api: str, address: str) -> _Notes:
        if not self._path.exists():
            return _Notes(api=api, address=address)
        with told(self._path, "read"):
            written = self._path.read_bytes()
        try:
            notes = _Notes.model_validate_json(written)
        except ValidationError:
            notes = None
        if notes is None:
            raise BatchOutputError(
                f"{str(self._path)!r}, which says where the job's batches are, cannot be read; "
                "bring it back, or cancel them at the provider and delete its folder"
            )
        if (notes.api, notes.address) != (api, address):
            raise BatchOutputError(
                f"the job of {str(self.folder)!r} is at {notes.address}, not at {address}; go on "
                "there, or cancel its batches and delete the folder to begin anew"
            )
        return notes

    def _file(self, part: Part) -> PartFile:
        return PartFile(part, self._part_path(part.number))

    def _part_path(self, number: int) -> Path:
        return self.folder / f"part-{number:06}.jsonl"

    def remove_strays(self) -> None:
        """Remove what a run has left that ended while it wrote a part; none may be running."""
        known = {file.path for file in self.parts}
        for path in (*self.folder.glob("part-*.jsonl"), *self.folder.glob("*.tmp")):
            if path not in known:
                with told(path, "remove"):
                    path.unlink()


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
    def mark(self) -> str:
        """See `Part.mark`."""
        return self._mark

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


def request_line(request: BatchRequest) -> bytes:
    """A request in OpenAI's format, with its line feed."""
    return b"%b%b}\n" % (_head(request.custom_id, request.url), request.content)


def read_request(line: bytes, index: int) -> BatchRequest:
    """A request out of what `request_line` has made of it."""
    fields = from_json(line)
    custom_id, url = fields["custom_id"], fields["url"]
    # As it was written, for its digest is that of its bytes.
    content = line[len(_head(custom_id, url)) : -2]
    return BatchRequest(index, custom_id, url, fields["body"], content, request_id(url, content))


def _head(custom_id: str, url: str) -> bytes:
    return b'{"custom_id":%b,"method":"POST","url":"%b","body":' % (
        to_json(custom_id),
        url.encode(),
    )
