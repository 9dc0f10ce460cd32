"""Text of a sequence: characters across tokens, stop strings across pieces."""

from __future__ import annotations

import time

import pytest

from local_llm_kit.engines.text import StopMatcher, TextStream

TEXT = "Grüße 🙂, the end\nSTOP and more"


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_characters_are_whole_at_every_cut(size: int) -> None:
    stream = TextStream()
    pieces = [stream.feed(piece) for piece in cut(TEXT.encode(), size)]
    assert "".join([*pieces, stream.flush()]) == TEXT


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_a_stop_string_cuts_alike_at_every_cut(size: int) -> None:
    stream = TextStream(["\nSTOP", "nothing"])
    out = ""
    for piece in cut(TEXT.encode(), size):
        out += stream.feed(piece)
        if stream.met:
            break
    assert (out, stream.met) == ("Grüße 🙂, the end", "\nSTOP")


def test_nothing_that_may_begin_a_stop_string_is_sent() -> None:
    matcher = StopMatcher(["abcd"])
    assert [matcher.feed(piece) for piece in ("xab", "c", "ab", "x")] == ["x", "", "abc", "abx"]


def test_a_false_start_is_released_at_the_end() -> None:
    matcher = StopMatcher(["END"])
    assert matcher.feed("the EN") + matcher.flush() == "the EN"


def test_a_stop_string_may_overlap_its_own_beginning() -> None:
    matcher = StopMatcher(["aab"])
    assert matcher.feed("aaa") + matcher.feed("ab") == "aa"
    assert matcher.met == "aab"


def test_the_string_completed_first_wins() -> None:
    matcher = StopMatcher(["abcdef", "cd"])
    assert matcher.feed("xabcdef") == "xab"


def test_half_a_character_at_the_end_becomes_a_replacement() -> None:
    stream = TextStream()
    assert stream.feed("é".encode()[:1]) + stream.flush() == "\ufffd"


def test_matching_takes_linear_time_on_hostile_text() -> None:
    matcher = StopMatcher(["a" * 999 + "b"] * 4)
    begin = time.process_time()
    for _ in range(50):
        matcher.feed("a" * 1000)
    assert time.process_time() - begin < 2
