"""Files at a provider: what is known of one, and what a provider's codec says of its file API."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

from cloud.llm.file_source import FileSource
from cloud.llm.questions import Question
from LLM import wire
from LLM.answer import Answer
from LLM.codec import Source
from LLM.exceptions import InvalidRequestError, LLMAPIError, LLMTimeoutError
from LLM.upload import StreamedBody

#: The slowest line that an upload is given time for, where no `timeout` is: 1 Mbit/s.
SLOWEST_BYTES_PER_S = 125_000
#: Seconds before a provider is asked whether it has read a file: first, and at most.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that a provider keeps.

    :param id: what `file_info` and `delete_file` take, and a chat refers to it by.
    :param filename: its name; None where the provider keeps none.
    :param media_type: such as ``application/pdf``; None where the provider does not tell it.
    :param size_bytes: None where the provider does not tell it.
    :param created_at: when it was uploaded, with its time zone; None where that is not told.
    :param expires_at: when the provider deletes it by itself; None for never.
    :param uri: its address at the provider, which Gemini's chats refer to it by; None elsewhere.
    """

    id: str
    filename: str | None = None
    media_type: str | None = None
    size_bytes: int | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    uri: str | None = None


@dataclass(frozen=True, slots=True)
class Processing:
    """A file that has arrived, and cannot be used yet."""

    id: str


@dataclass(frozen=True, slots=True)
class FileRequest:
    """A POST on the way to an uploaded file.

    :param target: a path below the client's address, or a whole address of the same origin.
    :param body: JSON, or a file.
    :param headers: beside those of every request.
    """

    target: str
    body: bytes | StreamedBody
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileUpload:
    """How one file is sent.

    :param requests: the requests of one try; each takes the 2xx answer to the one before it.
    :param read: reads the answer to the last of them.
    """

    requests: Callable[[Source], Generator[FileRequest, Answer, None]]
    read: Callable[[bytes, int, Source], UploadedFile | Processing]


class FileCodec(Protocol):
    """One provider's file API. Pure."""

    def upload(self, file: FileSource, purpose: Any) -> FileUpload:
        """How a file is sent.

        :raises InvalidRequestError: the provider has no form for it.
        """
        ...

    def info(self, file_id: str) -> Question[UploadedFile]:
        """What asks for a file's facts."""
        ...

    def state(self, file_id: str) -> Question[UploadedFile | Processing]:
        """What asks whether a file can be used."""
        ...

    def delete(self, file_id: str) -> Question[None]:
        """What deletes a file."""
        ...

    def is_gone(self, refusal: LLMAPIError) -> bool:
        """Whether a refusal says that there is no such file."""
        ...


class Patience:
    """How long a provider may take to read a file that it has.

    :param timeout_s: seconds in all.
    :param clock: seconds that only grow.
    """

    def __init__(self, timeout_s: float, clock: Callable[[], float]) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._end = clock() + timeout_s
        self._pause_s = _FIRST_PAUSE_S

    def pause_s(self, origin: str, file_id: str) -> float:
        """Seconds to wait before the provider is asked.

        :raises LLMTimeoutError: the time is over.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise LLMTimeoutError(
                f"{origin} has {file_id!r}, but has not read it within {self._timeout_s:g} s "
                "(deadline 'total'); raise timeout, or delete the file",
                code="total",
                provider=origin,
            )
        pause_s = min(self._pause_s, left)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        return wire.pause_s(pause_s)


def upload_timeout_s(timeout_s: float, size_bytes: int) -> float:
    """Seconds for an upload that was given none: the client's, or as long as a slow line takes."""
    return max(timeout_s, size_bytes / SLOWEST_BYTES_PER_S)


def file_path(file_id: Any, example: str) -> str:
    """A file's place below ``/files/``; no id leads out of it.

    :param example: an id, for the error.
    :raises InvalidRequestError: it is none.
    """
    try:
        if isinstance(file_id, str) and file_id.strip() and set(file_id) != {"."}:
            return quote(file_id, safe="")
        problem = f"file_id is {file_id!r}"
    except UnicodeEncodeError:
        problem = "file_id holds a lone surrogate, which UTF-8 cannot carry"
    raise InvalidRequestError(f"{problem}; give an id such as {example!r}")


def single_request(
    target: str, body: bytes | StreamedBody
) -> Callable[[Source], Generator[FileRequest, Answer, None]]:
    """The requests of an upload that takes one."""

    def requests(_: Source) -> Generator[FileRequest, Answer, None]:
        yield FileRequest(target, body)

    return requests


def in_utc(time: datetime | None) -> datetime | None:
    """A time in UTC, which is what is meant where no zone was told."""
    if time is None:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def no_purpose(purpose: Any, provider: str) -> None:
    """:raises InvalidRequestError: a purpose is given, and the provider has no field for it."""
    if purpose is not None:
        raise InvalidRequestError(
            f"purpose is {purpose!r}, and {provider} keeps no purpose of files; leave it out"
        )
