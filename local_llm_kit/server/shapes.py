"""How an API tells an answer: OpenAI's own way, and the protocol that the others satisfy.

The engine's answers are chunks and whole answers in OpenAI's shape. Another API is a translation on
both sides of them: of the request into OpenAI's fields, and by a `Shape` of the answer back. Shapes
are pure, made anew for each request, and know nothing of sockets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pydantic_core import to_json

from LLM.exceptions import LLMError
from local_llm_kit.backends import JSONObject
from local_llm_kit.server.errors import describe

EVENT_STREAM = "text/event-stream; charset=utf-8"
JSON_LINES = "application/x-ndjson"
#: Fields for a shape that is fed chunks whether it tells a stream or not: a whole answer does not
#: tell in which order its text and its calls came. The last chunk has the counts.
IN_CHUNKS: Mapping[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


class Shape(Protocol):
    """Tells one answer, whole or growing.

    For a stream `begin` is called once, then `chunks` any number of times, and last either `end` or
    `failure`: everything that they give is sent in that order.

    For a whole answer `whole` is called once, last. Where the fields ask for a stream all the same
    (`IN_CHUNKS`), `chunks` is called before it and what it gives is dropped.
    """

    @property
    def media_type(self) -> str:
        """Content type of the stream."""

    def whole(self, answer: JSONObject) -> JSONObject:
        """The whole answer.

        :param answer: OpenAI's shape of it.
        """

    def begin(self) -> bytes:
        """What comes before anything was computed."""

    def chunks(self, chunks: Sequence[JSONObject]) -> bytes:
        """What some chunks add.

        :param chunks: OpenAI's shape of them, at least one.
        """

    def end(self) -> bytes:
        """What comes after the last chunk."""

    def failure(self, error: LLMError) -> bytes:
        """What ends a stream that cannot be finished; its status was sent long before."""


class OpenAIShape:
    """Answers of completions, as they are."""

    media_type = EVENT_STREAM

    def whole(self, answer: JSONObject) -> JSONObject:
        """The answer itself."""
        return answer

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def chunks(self, chunks: Sequence[JSONObject]) -> bytes:
        """An event a chunk."""
        return b"".join(map(event, chunks))

    def end(self) -> bytes:
        """The mark of the end."""
        return b"data: [DONE]\n\n"

    def failure(self, error: LLMError) -> bytes:
        """The error as an event; nothing follows."""
        return event(describe(error)[1])


def event(data: JSONObject, name: str | None = None) -> bytes:
    """A server-sent event.

    :param name: its type, for APIs that name them.
    """
    head = b"" if name is None else b"event: " + name.encode("ascii") + b"\n"
    return head + b"data: " + to_json(data) + b"\n\n"


def json_line(data: JSONObject) -> bytes:
    """One line of a stream of JSON objects."""
    return to_json(data) + b"\n"
