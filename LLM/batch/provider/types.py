"""What a provider's batch endpoint is to the engine: how a batch is made, looked at and read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from LLM.batch.provider.calls import Calls
from LLM.batch.provider.parts import Part
from LLM.batch.types import BatchRequest, BatchURL
from LLM.exceptions import LLMError
from LLM.types import Usage
from LLM.upload import StreamedBody

#: What its owner pays of the price of single calls, at OpenAI and at Anthropic.
#: Source: https://platform.openai.com/docs/guides/batch;
#: https://platform.claude.com/docs/en/build-with-claude/batch-processing
PRICE_FACTOR = 0.5


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a provider has refused a batch before it began.

    :param code: the provider's; None where it gave none.
    :param line: of the batch's requests, from 1; None where no single one is to blame.
    """

    code: str | None
    message: str
    line: int | None


@dataclass(frozen=True, slots=True)
class BatchState:
    """How a batch is.

    :param status: in the provider's word.
    :param is_over: whether all results are there that will ever be.
    :param n_done: requests that have ended, as far as the provider tells.
    :param problems: why it was refused as a whole; empty where it was not.
    :param result_paths: where its results are read, below the API's root.
    """

    status: str
    is_over: bool
    n_done: int = 0
    problems: tuple[Problem, ...] = ()
    result_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A line of a batch's results: an answer, or an error.

    :param answer: the answer's body as one line of JSON, in OpenAI's shape.
    """

    answer: bytes | None = field(default=None, repr=False)
    error: LLMError | None = None
    status_code: int | None = None
    request_id: str | None = None
    model: str | None = None
    usage: Usage | None = None


class BatchAPI(Protocol):
    """One provider's batch endpoint. It keeps nothing; what it learns is noted in the `Part`.

    :param name: of the API, as the job's notes have it.
    :param urls: what it can be asked for.
    :param max_requests: most that a batch may weigh, see `weight`.
    :param max_bytes: the largest batch.
    """

    name: str
    urls: tuple[BatchURL, ...]
    max_requests: int
    max_bytes: int

    def group(self, request: BatchRequest) -> str:
        """What all requests of a batch have in common."""
        ...

    def weight(self, request: BatchRequest) -> int:
        """What a request counts for against `max_requests`."""
        ...

    def wire_id(self, mark: str, n: int, custom_id: str) -> str:
        """The name that the provider knows a request by.

        :param mark: of its part.
        :param n: its place there, from 0.
        """
        ...

    def wire_line(self, request: BatchRequest, wire_id: str) -> bytes:
        """A request as it stands in a batch, without line feed.

        :raises InvalidRequestError: the provider has no form for it.
        """
        ...

    def submit(self, part: Part, lines: Lines, calls: Calls, save: Callable[[], None]) -> None:
        """Have the provider take a part, unless an earlier run has: its `batch_id` is then set.

        :param lines: begins to read its requests, as they stand in a batch.
        :param save: writes down what `part` says; called before and after each step that cannot be
            taken twice.
        :raises LLMError: the provider does not take it.
        """
        ...

    def look(self, batch_id: str, calls: Calls) -> BatchState:
        """How a batch is. :raises LLMError: it cannot be told."""
        ...

    def result(self, fields: dict[str, Any], request: BatchRequest, calls: Calls) -> Result:
        """What a line of results says, once its custom_id has told whose it is."""
        ...

    def clean_up(self, part: Part, calls: Calls) -> None:
        """Delete what was uploaded. :raises LLMError: it cannot be."""
        ...

    def cancel(self, batch_id: str, calls: Calls) -> None:
        """End a batch; what it has answered can be read. :raises LLMError: it cannot be."""
        ...


#: Begins to read a part's requests as they stand in a batch, without line feeds.
Lines = Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class SentRequests:
    """A part's requests as a file of lines, to be uploaded.

    :param size_bytes: of all lines with their line feeds.
    """

    filename: str
    lines: Lines
    size_bytes: int
    media_type: str = "application/jsonl"

    def pieces(self) -> Iterator[bytes]:
        """The file, from its start."""
        return in_pieces(line + b"\n" for line in self.lines())


def json_list(before: bytes, lines: Lines, after: bytes, size_bytes: int) -> StreamedBody:
    """A body of JSON with a part's requests as a list in it.

    :param size_bytes: of all lines with their line feeds.
    """

    def pieces() -> Iterator[bytes]:
        yield before
        yield from in_pieces(b"," * (n > 0) + line for n, line in enumerate(lines()))
        yield after

    # There is a comma between two lines, where a file has a line feed behind each.
    size_bytes += len(before) - 1 + len(after)
    return StreamedBody(pieces, size_bytes, "application/json")


def in_pieces(lines: Iterator[bytes], piece_bytes: int = 128 * 1024) -> Iterator[bytes]:
    """The bytes of `lines`, some 128 KiB at a time."""
    held: list[bytes] = []
    n_held = 0
    for line in lines:
        held.append(line)
        n_held += len(line)
        if n_held >= piece_bytes:
            yield b"".join(held)
            held, n_held = [], 0
    if held:
        yield b"".join(held)
