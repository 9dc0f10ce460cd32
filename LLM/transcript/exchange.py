"""One request and what became of it, as records of a transcript."""

from __future__ import annotations

import contextvars
import itertools
import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from LLM.answer import Answer
from LLM.exceptions import LLMError
from LLM.redaction import live_keys, redacted
from LLM.secrets import keys_of
from LLM.transcript.growth import grown
from LLM.transcript.output import Output, Record
from LLM.transcript.shown import shown, shown_body, shown_headers, shown_text
from LLM.wire import WireRequest

#: Bytes of a stream that are kept to be shown at its end.
MAX_KEPT_BYTES = 1024 * 1024

_numbers = itertools.count(1)
_last: contextvars.ContextVar[int | None] = contextvars.ContextVar("last_request", default=None)


class Exchange:
    """A request that was sent, until its answer or its error is told: an `overhearing.Listener`.

    :param method: HTTP's, or ``CALL`` of a local model.
    :param url: the address, or who is called.
    :param body: JSON, of what is sent.
    :param who: the thread, or the task, that sends it.
    """

    def __init__(
        self,
        output: Output,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Any,
        who: str | None = None,
    ) -> None:
        self.number = next(_numbers)
        self._output = output
        # With its `Secret`s: what is kept here may be printed by whoever shows frames.
        self._headers = headers
        self._began = time.monotonic()
        self._status = 0
        self._answer_headers: Mapping[str, str] = {}
        self._began_s: float | None = None
        self._first_s: float | None = None
        self._last_s: float | None = None
        self._n_pieces = 0
        self._size_bytes = 0
        self._kept: list[bytes] = []
        self._told = False
        _last.set(self.number)
        who = who or threading.current_thread().name

        def facts() -> Record:
            keys = self._keys()
            is_json = isinstance(body, (dict, list))
            return {
                "who": who,
                "pid": os.getpid(),
                "method": method,
                "url": redacted(url, keys),
                "headers": shown_headers(headers, keys),
                "body": shown(body, keys) if is_json else shown_body(body, keys),
            }

        self._tell("request", facts)

    @classmethod
    def of(cls, request: WireRequest, output: Output, who: str | None = None) -> Exchange:
        """The exchange of a request that is about to be sent over the wire."""
        return cls(output, request.method, request.url, request.headers, request.body, who)

    def answered(self, answer: Answer) -> None:
        """The answer has come whole."""
        seconds = self._seconds()

        def facts() -> Record:
            keys = self._keys()
            return {
                "status": answer.status,
                "seconds": seconds,
                "size_bytes": len(answer.body),
                "headers": shown_headers(answer.headers, keys),
                "body": shown_body(answer.body, keys),
            }

        self._tell("answer", facts)

    def failed(self, error: BaseException) -> None:
        """There was no answer."""
        seconds = self._seconds()

        def facts() -> Record:
            message = error.message if isinstance(error, LLMError) else str(error)
            message = shown_text(message, self._keys())
            return {"seconds": seconds, "error": type(error).__name__, "message": message}

        self._tell("error", facts)

    def began(self, status: int, headers: Mapping[str, str]) -> None:
        """The answer has begun, and comes in pieces."""
        self._began_s = self._seconds()
        self._status, self._answer_headers = status, headers

    def arrived(self, piece: bytes) -> None:
        """A piece of it has come."""
        if self._told:
            return
        self._last_s = self._seconds()
        if self._first_s is None:
            self._first_s = self._last_s
        self._n_pieces += 1
        if self._size_bytes < MAX_KEPT_BYTES:
            self._kept.append(piece)
        self._size_bytes += len(piece)

    def ended(self, error: BaseException | None) -> None:
        """No more pieces will come."""
        self._tell_stream("complete" if error is None else f"{type(error).__name__}: {error}")

    def left(self) -> None:
        """Nobody reads on."""
        self._tell_stream("left")

    def _tell_stream(self, outcome: str) -> None:
        if self._told:
            return
        self._told = True
        seconds = self._seconds()
        status, headers = self._status, self._answer_headers

        def facts() -> Record:
            keys = self._keys()
            kept = b"".join(self._kept)
            self._kept.clear()
            answer = grown(kept, headers)
            return {
                "status": status,
                "outcome": shown_text(outcome, keys),
                "seconds": seconds,
                "began_s": self._began_s,
                "first_s": self._first_s,
                "last_s": self._last_s,
                "pieces": self._n_pieces,
                "size_bytes": self._size_bytes,
                "headers": shown_headers(headers, keys),
                "body": shown_body(kept, keys) if answer is None else shown(answer, keys),
            }

        self._tell("stream", facts)

    def _tell(self, event: str, facts: Callable[[], Record]) -> None:
        try:
            tell(self._output, event, self.number, facts())
        except Exception as err:  # noqa: BLE001  # whatever it is, the call is not to blame
            message = f"the {event} cannot be shown: {type(err).__name__}"
            tell(self._output, "note", self.number, {"message": message})

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _keys(self) -> tuple[str, ...]:
        return (*keys_of(self._headers), *live_keys())


def note(output: Output, text: str, *, of_last: bool) -> None:
    """A remark.

    :param of_last: it is about the request that this thread or task has sent last.
    """
    message = shown_text(text, live_keys())
    tell(output, "note", _last.get() if of_last else None, {"message": message})


def tell(output: Output, event: str, number: int | None, facts: Record) -> None:
    """Write a record."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    output.write({"time": moment, "event": event, "number": number, **facts})
