"""Interactions: a request and what came of it, as lines of a cassette's file. Pure.

::

    {"number": 0, "request": {"method", "url", …body}, "seconds": 0.4,
     "response": {"status", "headers", …body}}          an answer that came whole
     "response": {"status", "headers", "stream": [[seconds, text], …], "end": …}   one streamed
     "error": {"type": "LLMTimeoutError", "message", …}  none came

Seconds count from the request. A stream's ``end`` is ``left`` where nobody read on, an error where
it broke, and is missing where it ended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from LLM import exceptions
from LLM.answer import Answer
from LLM.cassettes.contents import JSONObject, bytes_of, content_of, piece_bytes, piece_of
from LLM.cassettes.scrubbing import Scrubber
from LLM.exceptions import CassetteError, LLMError
from LLM.wire import WireRequest

#: Headers of answers that are read by some part of llm-kit; no other one is kept.
_KEPT_HEADERS = ("content-type", "retry-after", "retry-after-ms", "x-request-id", "request-id")
_KEPT_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "x-goog-upload-")

_FACTS = ("status_code", "retry_after", "provider", "model", "body", "request_id", "code")

Pieces = list[tuple[float, bytes]]


@dataclass(frozen=True, slots=True, eq=False)
class Interaction:
    """What was recorded of one request.

    :param number: its place among the requests, in the order in which they were sent.
    :param request: method, url and body.
    :param seconds: until the answer was whole, or the stream's headers were there.
    :param response: the answer; None where an error came.
    :param error: the error; None where an answer came.
    """

    number: int
    request: JSONObject
    seconds: float
    response: JSONObject | None = None
    error: JSONObject | None = None

    def line(self) -> JSONObject:
        """What is written of it."""
        outcome = {"error": self.error} if self.response is None else {"response": self.response}
        return {
            "number": self.number,
            "request": self.request,
            "seconds": round(self.seconds, 6),
            **outcome,
        }

    @classmethod
    def of_line(cls, line: Any) -> Interaction:
        """What was written.

        :raises CassetteError: it is no such line.
        """
        try:
            made = cls(
                int(line["number"]),
                {**line["request"]},
                _seconds(line["seconds"]),
                line.get("response"),
                line.get("error"),
            )
            made._check()
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as err:
            raise CassetteError(f"it holds no interaction ({type(err).__name__}: {err})") from None
        return made

    def _check(self) -> None:
        """:raises ValueError: something in it cannot be replayed; or another such error."""
        _text(self.request["method"]), urlsplit(_text(self.request["url"])).hostname
        if self.response is not None:
            int(self.response["status"])
            for name, value in self.response["headers"].items():
                _text(name), _text(value)
            self.pieces()
        elif self.error is not None:
            error_of(self.error)
        else:
            raise KeyError("response")

    @property
    def is_streamed(self) -> bool:
        """Whether the answer came bit by bit."""
        return self.response is not None and "stream" in self.response

    def pieces(self) -> Pieces:
        """The pieces of the answer and when each came; one for an answer that came whole."""
        assert self.response is not None, "an answer came"
        if "stream" in self.response:
            return [(_seconds(at), piece_bytes(piece)) for at, piece in self.response["stream"]]
        return [(self.seconds, bytes_of(self.response))]

    def answer(self, origin: str) -> Answer:
        """The answer, whole.

        :param origin: of the request that it is for, which stands for that of the recorded one.
        """
        assert self.response is not None, "an answer came"
        body = b"".join(data for _, data in self.pieces())
        return Answer(int(self.response["status"]), self.headers(origin), body)

    def headers(self, origin: str) -> dict[str, str]:
        """The answer's headers, their names in lower case; `origin` as in `answer`."""
        assert self.response is not None, "an answer came"
        recorded = origin_of(self.request["url"])
        return {
            name: origin + value.removeprefix(recorded) if value.startswith(recorded) else value
            for name, value in self.response["headers"].items()
        }


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{seconds} is no time")
    return seconds


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def origin_of(url: str) -> str:
    """Scheme, host and port of an address."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def request_fields(request: WireRequest, scrubber: Scrubber) -> JSONObject:
    """A request as it is written, its address without keys."""
    url = scrubber.url(request.url)
    return {"method": request.method, "url": url, **content_of(request.body, scrubber)}


def answer_fields(answer: Answer, scrubber: Scrubber) -> JSONObject:
    """An answer that came whole."""
    headers = kept_headers(answer.headers, scrubber)
    return {"status": answer.status, "headers": headers, **content_of(answer.body, scrubber)}


def stream_fields(
    status: int, headers: Mapping[str, str], pieces: Pieces, end: JSONObject | str | None
) -> JSONObject:
    """An answer that was streamed.

    :param headers: those that are kept.
    """
    stream = [[round(at_s, 6), piece_of(data)] for at_s, data in pieces]
    told: JSONObject = {"status": status, "headers": headers, "stream": stream}
    return told if end is None else {**told, "end": end}


def kept_headers(headers: Mapping[str, str], scrubber: Scrubber) -> dict[str, str]:
    """What is kept of an answer's headers, names in lower case and addresses without keys."""
    named = {name.lower(): _clean(str(headers[name]), scrubber) for name in headers}
    return {
        name: value
        for name, value in named.items()
        if name in _KEPT_HEADERS or name.startswith(_KEPT_PREFIXES)
    }


def _clean(value: str, scrubber: Scrubber) -> str:
    is_url = value.startswith(("https://", "http://"))
    return scrubber.url(value) if is_url else scrubber.text(value)


def error_fields(error: LLMError, scrubber: Scrubber) -> JSONObject:
    """An error in place of an answer, without keys."""
    facts = {name: getattr(error, name) for name in _FACTS if getattr(error, name) is not None}
    known = next(kind for kind in type(error).__mro__ if kind.__module__ == exceptions.__name__)
    clean: JSONObject = scrubber.value({"message": error.message, **facts})
    return {"type": known.__name__, **clean}


def error_of(fields: JSONObject) -> LLMError:
    """The error that was recorded.

    :raises KeyError: there is no such one.
    """
    kind = vars(exceptions)[fields["type"]]
    if not (isinstance(kind, type) and issubclass(kind, LLMError)):
        raise KeyError(fields["type"])
    facts = {name: fields[name] for name in _FACTS if name in fields}
    return kind(str(fields["message"]), **facts)
