"""Calls of a provider's batch endpoint: what is sent, how often, and when it is given up."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from LLM.answer import MAX_ANSWER_BYTES, Answer
from LLM.attempts import Attempts
from LLM.batch.stop import Stop
from LLM.codec import Source, decode_answer
from LLM.exceptions import LLMConnectionError, LLMError, LLMResponseError
from LLM.retry import RetryStrategy
from LLM.transport import Transport
from LLM.types import OpenAIModel
from LLM.upload import StreamedBody

logger = logging.getLogger("LLM")

ShapeT = TypeVar("ShapeT", bound=OpenAIModel)
FoundT = TypeVar("FoundT")

#: The error for an answer whose status is not 2xx.
Refusal = Callable[[int, Mapping[str, str], bytes, Source], LLMError]

#: Seconds that an answer may take, which no model makes; and each gap in a file of results.
TIMEOUT_S = 120.0
#: The slowest line that an upload is given time for: 1 Mbit/s.
_SLOWEST_BYTES_PER_S = 125_000
#: Seconds between two looks: at first, and at most.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 60.0
#: Longest that a server's Retry-After is heeded, in seconds.
_LONGEST_ASKED_S = 3600.0
#: Most answers in a row that cannot be read. What cannot be reached is waited for without end.
_MAX_UNREADABLE = 10
#: The largest file of results: 50,000 answers of 80 kB.
_MAX_RESULTS_BYTES = 4 << 30
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,199}")


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one address, under one retry policy.

    :param transport: sends them.
    :param policy: decides on further tries of what makes something.
    :param source: who answers, for errors.
    :param refusal: gives the errors of answers that say no.
    :param stop: ends the waits between them.
    """

    transport: Transport
    policy: RetryStrategy
    source: Source
    refusal: Refusal
    stop: Stop = field(default_factory=Stop)

    def get(self, path: str, shape: type[ShapeT]) -> ShapeT:
        """One try to read something."""
        return self.send("GET", path, None, shape)

    def send(self, method: str, path: str, body: bytes | None, shape: type[ShapeT]) -> ShapeT:
        """One try. :raises LLMError: there is no answer, it says no, or cannot be read."""
        answer = self.transport.call(method, path, body, timeout_s=TIMEOUT_S)
        return self._read(answer, shape)

    def upload(self, path: str, body: StreamedBody, shape: type[ShapeT]) -> ShapeT:
        """One try to POST what is read while it is sent. :raises LLMError: as `send`."""
        timeout_s = max(TIMEOUT_S, body.size_bytes / _SLOWEST_BYTES_PER_S)
        return self._read(self.transport.upload(path, body, {}, timeout_s=timeout_s), shape)

    def lines(self, path: str) -> Iterator[bytes]:
        """One try to read a file of lines, without line feeds; empty ones are passed over.

        A line of over 32 MiB comes as an empty one.

        :raises LLMError: it cannot be read to its end.
        """
        answer = self.transport.download(path, timeout_s=TIMEOUT_S, max_bytes=_MAX_RESULTS_BYTES)
        if isinstance(answer, Answer):
            raise self._refused(answer)
        splitter = _LineSplitter()
        try:
            answer.progress()
            for piece in answer.pieces():
                yield from splitter.feed(piece)
                answer.progress()
            yield from splitter.finish()
        finally:
            answer.close()

    def tries(self, send: Callable[[], FoundT]) -> FoundT:
        """Send until an answer says yes or the policy gives up."""
        return self.deliver(send, lambda: None)

    def deliver(self, send: Callable[[], FoundT], arrived: Callable[[], FoundT | None]) -> FoundT:
        """Have something made once: a try that may have had effect is not followed by another.

        :param send: one try.
        :param arrived: looks for what an earlier try has made; None for nothing.
        """
        attempts = Attempts(self.policy, self.source)
        while True:
            try:
                return send()
            except LLMError as err:
                failure = err
            self.stop.sleep(attempts.delay_s(failure))
            if _may_have_arrived(failure) and (found := arrived()) is not None:
                return found

    def id_path(self, id_: str) -> str:
        """An id of the server's as a part of a path.

        :raises LLMResponseError: it is none, and may lead elsewhere.
        """
        if _ID.fullmatch(id_) is None:
            raise self.source.error(f"gave {id_[:100]!r} as an id, which cannot stand in a path")
        return id_

    def _read(self, answer: Answer, shape: type[ShapeT]) -> ShapeT:
        if not 200 <= answer.status < 300:
            raise self._refused(answer)
        return decode_answer(shape, answer.body, answer.status, self.source)

    def _refused(self, answer: Answer) -> LLMError:
        return self.refusal(answer.status, answer.headers, answer.body, self.source)


class Patience:
    """How long to wait before the next look at what takes hours.

    A network that is away for a while, and a server that is overloaded, end no job.
    """

    def __init__(self) -> None:
        self._pause_s = FIRST_PAUSE_S
        self._n_unreadable = 0

    def pause_s(self) -> float:
        """Seconds before the next look: 5 at first, growing to 60."""
        pause_s, self._pause_s = self._pause_s, min(self._pause_s * 1.5, LONGEST_PAUSE_S)
        return pause_s

    def after(self, failure: LLMError) -> float:
        """Seconds before the next look after one that failed.

        :raises LLMError: `failure`, which waiting does not mend.
        """
        unreadable = isinstance(failure, LLMResponseError)
        self._n_unreadable = self._n_unreadable + 1 if unreadable else 0
        if not is_passing(failure) or self._n_unreadable > _MAX_UNREADABLE:
            raise failure
        logger.warning("no news of a batch (%s); asking again", type(failure).__name__)
        return max(self.pause_s(), min(failure.retry_after or 0.0, _LONGEST_ASKED_S))

    def answered(self) -> None:
        """A look has succeeded."""
        self._n_unreadable = 0

    def restart(self) -> None:
        """Begin anew with short pauses."""
        self._pause_s, self._n_unreadable = FIRST_PAUSE_S, 0


def is_passing(failure: LLMError) -> bool:
    """Whether a question that only reads may be answered otherwise later."""
    if isinstance(failure, (LLMConnectionError, LLMResponseError)):
        return True
    status = failure.status_code or 0
    return status in (408, 425, 429) or status >= 500


def _may_have_arrived(failure: LLMError) -> bool:
    """Whether a try that failed may have had its effect."""
    if failure.code == "connect":
        return False
    return failure.status_code is None or failure.status_code >= 500


class _LineSplitter:
    """Cuts bytes into lines, holding no more than the longest one."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._n_held = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the next bytes. :return: the lines that they complete."""
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._hold(end)
            yield from self.finish()
        self._hold(rest)

    def finish(self) -> Iterator[bytes]:
        """The line that is held, which has ended."""
        if self._n_held:
            line = b"".join(self._held) if self._n_held <= MAX_ANSWER_BYTES else b""
            self._held, self._n_held = [], 0
            yield line

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._n_held += len(piece)
            if self._n_held <= MAX_ANSWER_BYTES:
                self._held.append(piece)
            else:
                self._held = []
