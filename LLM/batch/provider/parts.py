"""The parts of a job that a provider answers, each a batch there, and their requests on the disk.

A part's file has its requests in OpenAI's format; what is noted of the parts is in
`LLM.batch.provider.notes`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, Field
from pydantic_core import from_json, to_json

from LLM.batch.exceptions import BatchOutputError
from LLM.batch.files import told
from LLM.batch.parsing import request_id
from LLM.batch.types import BatchRequest, BatchURL


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
