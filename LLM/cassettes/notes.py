"""What is written down of one request that is sent for real, until its answer has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from LLM.answer import Answer
from LLM.cassettes.contents import JSONObject
from LLM.cassettes.interactions import (
    Interaction,
    Pieces,
    answer_fields,
    error_fields,
    kept_headers,
    request_fields,
    stream_fields,
)
from LLM.cassettes.scrubbing import Scrubber
from LLM.exceptions import LLMError
from LLM.wire import WireRequest


class Note:
    """An `overhearing.Listener` that makes an interaction of what it hears.

    :param number: the request's place among all.
    :param write: takes the interaction, once.
    """

    __slots__ = ("__weakref__", "_begun", "_number", "_pieces", "_request", "_scrubber", "_started",
                 "_write")  # fmt: skip

    def __init__(
        self,
        number: int,
        request: WireRequest,
        scrubber: Scrubber,
        write: Callable[[Interaction], None],
    ) -> None:
        self._number = number
        self._request = request
        self._scrubber = scrubber
        self._write: Callable[[Interaction], None] | None = write
        self._begun: tuple[float, int, Mapping[str, str]] | None = None
        self._pieces: Pieces = []
        self._started = time.monotonic()

    def answered(self, answer: Answer) -> None:
        """An answer has come, whole."""
        self._note(self._seconds(), response=answer_fields(answer, self._scrubber))

    def failed(self, error: BaseException) -> None:
        """None has. What is no error of a call, such as Ctrl-C, is none of its outcome."""
        if isinstance(error, LLMError):
            self._note(self._seconds(), error=error_fields(error, self._scrubber))

    def began(self, status: int, headers: Mapping[str, str]) -> None:
        """An answer has begun."""
        self._begun = self._seconds(), status, kept_headers(headers, self._scrubber)

    def arrived(self, piece: bytes) -> None:
        """A piece of it has come."""
        self._pieces.append((time.monotonic() - self._started, bytes(piece)))

    def ended(self, error: BaseException | None) -> None:
        """It has ended, or broken; who was interrupted while reading it has left it."""
        if error is None:
            self._note_stream(None)
        elif isinstance(error, LLMError):
            self._note_stream(error_fields(error, self._scrubber))
        else:
            self.left()

    def left(self) -> None:
        """Nobody reads on."""
        self._note_stream("left")

    def _note_stream(self, end: JSONObject | str | None) -> None:
        # The block may end while the answer is still being waited for.
        if self._begun is None or self._write is None:
            return
        seconds, status, headers = self._begun
        pieces = self._scrubber.pieces(self._pieces)
        self._note(seconds, response=stream_fields(status, headers, pieces, end))

    def _note(self, seconds: float, **outcome: JSONObject) -> None:
        write, self._write = self._write, None
        if write is not None:
            request = request_fields(self._request, self._scrubber)
            write(Interaction(self._number, request, seconds, **outcome))

    def _seconds(self) -> float:
        return time.monotonic() - self._started
