"""The event stream decoder: the same events at every cut, and no more work than bytes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from LLM.exceptions import LLMResponseError
from LLM.sse import Event, SSEDecoder


def decode(*pieces: bytes, **settings: int) -> list[Event]:
    decoder = SSEDecoder(**settings)
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


STREAMS = {
    "plain": (b"data: a\n\ndata: b\n\n", [(b"", b"a"), (b"", b"b")]),
    "crlf": (b"data: a\r\n\r\ndata: b\r\n\r\n", [(b"", b"a"), (b"", b"b")]),
    "cr": (b"data: a\r\rdata: b\r\r", [(b"", b"a"), (b"", b"b")]),
    "mixed-ends": (b"data: a\r\n\ndata: b\r\r\n", [(b"", b"a"), (b"", b"b")]),
    "no-space": (b"data:a\n\n", [(b"", b"a")]),
    "two-spaces": (b"data:  a\n\n", [(b"", b" a")]),
    "several-lines": (b"data: a\ndata: b\n\n", [(b"", b"a\nb")]),
    "empty-data": (b"data\n\ndata:\n\n", [(b"", b""), (b"", b"")]),
    "named": (b"event: error\ndata: a\n\ndata: b\n\n", [(b"error", b"a"), (b"", b"b")]),
    "all-named": (
        b"event: a\ndata: 1\n\nevent: b\ndata: 2\n\nevent: c\nid: 3\ndata: 3\n\nevent: d\n\n",
        [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")],
    ),
    "name-after-data": (b"data: 1\n\ndata: 2\nevent: b\n\n", [(b"", b"1"), (b"b", b"2")]),
    "name-without-data": (b"event: x\n\ndata: a\n\n", [(b"", b"a")]),
    "comments": (b": hi\n\n:\ndata: a\n: there\n\n", [(b"", b"a")]),
    "ids": (b"id: 1\nretry: 5\ndata: a\n\n", [(b"", b"a")]),
    "byte-order-mark": (b"\xef\xbb\xbfdata: a\n\n", [(b"", b"a")]),
    "mark-inside": (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [(b"", b"a")]),
    "mark-behind-an-empty-line": (b"\n\xef\xbb\xbfdata: a\n\ndata: b\n\n", [(b"", b"b")]),
    "no-last-empty-line": (b"data: a\n\ndata: b\n", [(b"", b"a"), (b"", b"b")]),
    "no-last-line-end": (b"data: a\n\ndata: b", [(b"", b"a"), (b"", b"b")]),
    "many-empty-lines": (b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", [(b"", b"a"), (b"", b"b")]),
    "utf-8": ("data: żółć 🙂\n\n".encode(), [(b"", "żółć 🙂".encode())]),
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(("stream", "events"), STREAMS.values(), ids=STREAMS)
def test_events_are_the_same_at_every_cut(stream: bytes, events: list[Event], size: int) -> None:
    assert decode(*cut(stream, size)) == events


@given(
    st.lists(st.sampled_from([b"data: a", b"data", b":c", b"event: e", b"", b"junk", b"data:b"])),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.lists(st.integers(min_value=1, max_value=9), min_size=1),
)
def test_random_cuts_change_nothing(lines: list[bytes], end: bytes, sizes: list[int]) -> None:
    stream = b"".join(line + end for line in lines)
    pieces, pos = [], 0
    while pos < len(stream):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(stream[pos : pos + size])
        pos += size
    assert decode(*pieces) == decode(stream)


def test_lines_that_are_no_fields_are_kept_for_the_error() -> None:
    decoder = SSEDecoder()
    decoder.feed(b'{"error": {"message": "no"}}\n')
    decoder.close()
    assert decoder.stray == b'{"error": {"message": "no"}}'


@pytest.mark.parametrize("size", [10, 64 * 1024])
def test_an_event_over_the_limit_raises(size: int) -> None:
    stream = b"data: ok\n\ndata: " + b"x" * 2000
    with pytest.raises(LLMResponseError, match="more than 1,000 bytes"):
        decode(*cut(stream, size), max_event_bytes=1000)


def test_comments_without_end_count_as_an_event_too_large() -> None:
    with pytest.raises(LLMResponseError, match="more than 1,000 bytes"):
        decode(*[b": keep-alive\n"] * 200, max_event_bytes=1000)


def test_a_large_event_in_small_pieces_takes_linear_time() -> None:
    def seconds(n_bytes: int) -> float:
        start = time.process_time()
        decode(b"data: ", *[b"x" * 16] * (n_bytes // 16), b"\n\n")
        return time.process_time() - start

    seconds(100_000)
    # A decoder that scans its buffer again for every piece takes 64 times as long.
    assert seconds(1_600_000) < 24 * max(seconds(200_000), 0.01)
