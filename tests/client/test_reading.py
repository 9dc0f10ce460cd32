"""Reading a streamed answer: items as soon as they are complete, and the gap between two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from LLM.reading import aread_items, read_items


class Lines:
    """A decoder of lines; the line ``end`` says that the stream is over."""

    def __init__(self) -> None:
        self.done = False
        self.rest = ""

    def feed(self, data: bytes) -> Iterator[str]:
        *lines, self.rest = (self.rest + data.decode()).split("\n")
        for line in lines:
            self.done = self.done or line == "end"
            if not self.done:
                yield line

    def finish(self) -> list[str]:
        return [f"last {self.rest}"]


class Answer:
    """Bytes, and a log of what is done with them."""

    def __init__(self, *pieces: bytes) -> None:
        self.left = list(pieces)
        self.log: list[str] = []

    def progress(self) -> None:
        self.log.append("progress")

    def pieces(self) -> Iterator[bytes]:
        while self.left:
            self.log.append("read")
            yield self.left.pop(0)

    def drain(self, pieces: Any) -> None:
        self.log.append("drain")


class AsyncAnswer(Answer):
    async def pieces(self) -> AsyncIterator[bytes]:  # type: ignore[override]  # the twin
        for piece in super().pieces():
            yield piece

    async def drain(self, pieces: Any) -> None:
        super().drain(pieces)


def read(*pieces: bytes) -> tuple[list[str], list[str]]:
    answer, lines = Answer(*pieces), Lines()
    return list(read_items(answer, lines, lines.finish)), answer.log


def aread(*pieces: bytes) -> tuple[list[str], list[str]]:
    async def main() -> tuple[list[str], list[str]]:
        answer, lines = AsyncAnswer(*pieces), Lines()
        items = [item async for item in aread_items(answer, lines, lines.finish)]
        return items, answer.log

    return asyncio.run(main())


@pytest.fixture(params=[read, aread], ids=["blocking", "async"])
def both(request: pytest.FixtureRequest) -> Callable[..., tuple[list[str], list[str]]]:
    return request.param


def test_items_come_as_the_bytes_complete_them(both: Any) -> None:
    items, log = both(b"a\nb", b"c\n", b"end\n")
    assert items == ["a", "bc"]
    assert log == ["progress", "read", "progress", "read", "progress", "read", "drain"]


def test_bytes_that_complete_nothing_give_no_further_time(both: Any) -> None:
    items, log = both(b"a", b"b", b"\nend\n")
    assert items == ["ab"]
    assert log == ["progress", "read", "read", "read", "drain"]


def test_an_end_without_its_mark_is_the_decoders_to_judge(both: Any) -> None:
    assert both(b"a\nb")[0] == ["a", "last b"]
    assert both()[0] == ["last "]


def test_nothing_is_read_before_it_is_asked_for() -> None:
    for answer, start in ((Answer(b"a\n"), read_items), (AsyncAnswer(b"a\n"), aread_items)):
        lines = Lines()
        start(answer, lines, lines.finish)  # type: ignore[operator]  # one twin each
        assert answer.log == []
