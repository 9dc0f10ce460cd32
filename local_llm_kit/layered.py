"""Calls between the clients and the models: through the layers of `LLM.wire.in_process`, if any.

A layer sees a call as OpenAI's API has it and its answer as that API's JSON, whole or as events. So
a cassette need not know that no network is there, and one that replays needs no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from pydantic_core import from_json, to_json

from LLM.answer import Answer
from LLM.exceptions import LLMResponseError
from LLM.sse import SSEDecoder
from LLM.wire import StreamedWire, in_process
from local_llm_kit.backends import JSONObject
from local_llm_kit.checked import CheckedCall, Counted, unreadable
from local_llm_kit.runs import Run
from local_llm_kit.stopping import Stop

ResponseT = TypeVar("ResponseT")

_DONE = b"[DONE]"
_USAGE = b"usage"


class Begun(Protocol):
    """A call that was started and whose answer is streamed."""

    @property
    def answer(self) -> Counted:
        """What grows while the chunks are read."""
        ...

    @property
    def finish(self) -> Any:
        """What is left to do with a complete answer; None for nothing."""
        ...

    def chunks(self) -> Iterator[JSONObject]:
        """Chunks until every choice has ended."""
        ...

    def cancel(self) -> None:
        """Stop the work; nothing happens to what has ended."""
        ...


def answered(checked: CheckedCall[ResponseT]) -> ResponseT:
    """The whole answer to a call.

    :raises LLMError: the model does not take it, or fails, or a deadline passed.
    """
    if not in_process.now():
        return Run(checked.prepare(Stop())).response()
    answer = in_process.call(
        checked.request(), lambda: whole_answer(Run(checked.prepare(Stop())).whole())
    )
    response = read_whole(checked, answer)
    if checked.finish is not None:
        checked.finish(response)
    return response


def begun(checked: CheckedCall[Any]) -> Begun:
    """Start a call whose answer is streamed; raises as `answered` does."""
    return LayeredRun(checked) if in_process.now() else Run(checked.prepare(Stop()))


class LayeredRun:
    """A call that was started through the layers, its chunks read as they come."""

    def __init__(self, checked: CheckedCall[Any]) -> None:
        self.answer = Reading()
        self.finish = checked.finish
        self._stream = streamed(
            in_process.stream(checked.request(), lambda: _Steps(Run(checked.prepare(Stop()))))
        )

    def chunks(self) -> Iterator[JSONObject]:
        """Chunks until the stream has ended."""
        for piece in self._stream.pieces():
            yield from self.answer.feed(piece)
        self.answer.check_whole()

    def cancel(self) -> None:
        """Stop the work."""
        self._stream.close()


class _Steps:
    """A run as a stream of events, one piece a step."""

    status = 200
    headers: Mapping[str, str] = {}

    def __init__(self, run: Run[Any]) -> None:
        self._run = run

    def progress(self) -> None:
        """Nothing: the run keeps its own deadlines."""

    def pieces(self) -> Iterator[bytes]:
        """The events of each step."""
        for chunks in self._run.steps():
            if piece := events_of(chunks):
                yield piece
        yield last_events(self._run.answer)

    def drain(self, pieces: Iterator[bytes]) -> None:
        """Read what is left."""
        for _ in pieces:
            continue

    def close(self) -> None:
        """Free the slots and the model."""
        self._run.cancel()


class Reading:
    """Chunks from events, and the token counts that come with the last of them."""

    def __init__(self) -> None:
        self.done = False
        self._usage: JSONObject = {}
        self._events = SSEDecoder()

    def usage(self) -> JSONObject:
        """Token counts, once `done`."""
        return self._usage

    def feed(self, piece: bytes) -> Iterator[JSONObject]:
        """The chunks that a piece completes.

        :raises LLMResponseError: it holds something else.
        """
        for name, data in self._events.feed(piece):
            if data == _DONE:
                self.done = True
            elif name == _USAGE:
                self._usage = _object(data)
            else:
                yield _object(data)

    def check_whole(self) -> None:
        """:raises LLMResponseError: the events have ended before the answer had."""
        if not self.done:
            raise LLMResponseError("the stream of a model in this process was cut short")


def whole_answer(answer: JSONObject) -> Answer:
    """An answer as layers see it."""
    return Answer(200, {}, to_json(answer))


def read_whole(checked: CheckedCall[ResponseT], answer: Answer) -> ResponseT:
    """The object that the caller gets."""
    return checked.read(_object(answer.body))


def events_of(chunks: Iterable[JSONObject]) -> bytes:
    """Chunks as events."""
    return b"".join(b"data: %b\n\n" % to_json(chunk) for chunk in chunks)


def last_events(answer: Counted) -> bytes:
    """What ends a stream: the token counts, which no chunk need hold, and the usual end."""
    return b"event: %b\ndata: %b\n\ndata: %b\n\n" % (_USAGE, to_json(answer.usage()), _DONE)


def streamed(answer: Answer | StreamedWire) -> StreamedWire:
    """:raises LLMResponseError: a layer gave a whole answer, which no model here has given."""
    if isinstance(answer, Answer):
        raise unreadable(answer.status)
    return answer


def _object(data: bytes) -> JSONObject:
    try:
        value = from_json(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise unreadable(200)
    return value
