"""Answers from a cassette in the network's place, as they came when they were recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Self

from LLM.answer import Answer
from LLM.cassettes.contents import JSONObject
from LLM.cassettes.interactions import Interaction, error_of
from LLM.cassettes.pacing import Schedule
from LLM.exceptions import CassetteMissError, LLMError


class Played:
    """A recorded answer on its way to who asked.

    :param origin: scheme and host that were asked.
    :param pace: as in `Schedule`.
    """

    def __init__(self, interaction: Interaction, origin: str, pace: float) -> None:
        self._interaction = interaction
        self._origin = origin
        self._schedule = Schedule(pace)

    def whole(self) -> Answer:
        """The answer, after as long as it took.

        :raises LLMError: that which came in its place.
        """
        self._schedule.wait_until(self._interaction.seconds)
        return self._whole()

    async def whole_async(self) -> Answer:
        """The twin of `whole`."""
        await self._schedule.wait_until_async(self._interaction.seconds)
        return self._whole()

    def begun(self) -> Answer | PlayedStream:
        """The answer as it is when its headers are there; raises as `whole` does."""
        self._schedule.wait_until(self._interaction.seconds)
        answer = self._whole()
        if not 200 <= answer.status < 300:
            return answer
        return PlayedStream(self._interaction, answer, self._schedule)

    async def begun_async(self) -> Answer | PlayedAsyncStream:
        """The twin of `begun`."""
        await self._schedule.wait_until_async(self._interaction.seconds)
        answer = self._whole()
        if not 200 <= answer.status < 300:
            return answer
        return PlayedAsyncStream(self._interaction, answer, self._schedule)

    def _whole(self) -> Answer:
        if self._interaction.error is not None:
            raise error_of(self._interaction.error)
        return self._interaction.answer(self._origin)


class _Stream:
    """What the streams of both worlds have in common."""

    def __init__(self, interaction: Interaction, answer: Answer, schedule: Schedule) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._interaction = interaction
        self._schedule = schedule

    def progress(self) -> None:
        """Nothing: what has arrived once arrives again, whatever is between two events."""

    def close(self) -> None:
        """Give no more, and wait for nothing."""
        self._schedule.end()

    def _end(self) -> None:
        """The pieces are over. :raises LLMError: as they were when they were recorded."""
        assert self._interaction.response is not None, "a stream is an answer"
        end: JSONObject | str | None = self._interaction.response.get("end")
        if isinstance(end, dict):
            raise error_of(end)
        if end is not None:
            raise _left()


class PlayedStream(_Stream):
    """Stands for `LLM.transport.StreamedAnswer`."""

    def pieces(self) -> Iterator[bytes]:
        """The body's bytes as they came. :raises LLMError: that which the stream broke with."""
        for at_s, data in self._interaction.pieces():
            self._schedule.wait_until(at_s)
            yield data
        self._end()

    def drain(self, pieces: Iterator[bytes]) -> None:
        """Nothing: there is no connection to keep."""


class PlayedAsyncStream(_Stream):
    """Stands for `LLM.async_transport.AsyncStreamedAnswer`."""

    def pieces(self) -> AsyncIterator[bytes]:
        """The twin of `PlayedStream.pieces`."""
        return _AsyncPieces(self, self._schedule, self._interaction)

    async def drain(self, pieces: Any) -> None:
        """Nothing: there is no connection to keep."""


class _AsyncPieces:
    """No async generator, whose end would need the loop."""

    def __init__(
        self, stream: PlayedAsyncStream, schedule: Schedule, interaction: Interaction
    ) -> None:
        self._stream = stream
        self._schedule = schedule
        self._left = iter(interaction.pieces())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        for at_s, data in self._left:
            await self._schedule.wait_until_async(at_s)
            return data
        self._stream._end()
        raise StopAsyncIteration


def _left() -> LLMError:
    return CassetteMissError(
        "the recording of this stream ends here, where it was left; record it anew to read further"
    )
