"""Lines of standard output: whole, bounded, and put together in linear time."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmring.mcp.client import lines

pytestmark = pytest.mark.slow


def decoder(overlong: list[bool] | None = None) -> lines.Lines:
    lines.bounded(lambda: (overlong if overlong is not None else []).append(True))
    return lines.Lines()


@given(st.text(st.characters(codec="utf-8")), st.integers(1, 7))
def test_lines_are_whole_wherever_their_bytes_are_cut(text: str, size: int) -> None:
    data = f"{text}\n".encode()
    made = decoder()
    told = [made.decode(data[at : at + size]) for at in range(0, len(data), size)]
    assert "".join(told) == f"{text}\n"
    assert all(one == "" or one.endswith("\n") for one in told)


def test_a_long_line_takes_linear_time() -> None:
    made, piece = decoder(), b"x" * 2**16
    began = time.process_time()
    for _ in range(500):  # 32 MB; joined anew each time, as the SDK does, it takes 8 s
        assert made.decode(piece) == ""
    assert time.process_time() - began < 0.5


def test_a_line_too_long_is_told_once_and_nothing_comes_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 10)
    told: list[bool] = []
    made = decoder(told)
    assert made.decode(b"x" * 10 + b"\n" + b"y" * 8) == "x" * 10 + "\n"
    assert made.decode(b"yy\nyyyy") == "y" * 10 + "\n"
    assert told == []
    assert [made.decode(b"yyyyyyy"), made.decode(b"\n"), made.decode(b"{}\n")] == ["", "", ""]
    assert told == [True]


def test_half_an_emoji_is_replaced_and_a_whole_one_stays() -> None:
    said = r'{"a": "\ud83d", "b": "\ud83d\ude00", "c": "\\ud83d"}' + "\n\\ud83d {\n"
    first, second, _ = decoder().decode(said.encode()).split("\n")
    assert json.loads(first) == {"a": "\ufffd", "b": "\U0001f600", "c": r"\ud83d"}
    assert second == r"\ud83d {"


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    assert decoder().decode(b"\xff\xfe\n") == "\ufffd\ufffd\n"
