"""What is shown of a job on standard error: a bar at a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from LLM.batch.bar import _Lines, describe, dollars, duration, progress_display
from LLM.batch.types import BatchProgress
from tests.cli.support import terminal

pytestmark = pytest.mark.slow


def progress(**changes: Any) -> BatchProgress:
    facts: dict[str, Any] = {
        "n_requests": 500, "n_resumed": 0, "n_answered": 117, "n_failed": 3, "n_in_flight": 8,
        "prompt_tokens": 6000, "completion_tokens": 4000, "cost": 0.24, "elapsed_s": 20.0,
    }  # fmt: skip
    return BatchProgress(**facts | changes)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "120/500 · 3 failed · 500 tokens/s · $0.24 of about $1.00 · 63 s left"),
        ({"n_requests": None}, "120/? · 3 failed · 500 tokens/s · $0.24"),
        ({"n_resumed": 250, "cost": None},
         "370/500 · 250 resumed · 3 failed · 500 tokens/s · 22 s left"),
        ({"n_requests": 120}, "120/120 · 3 failed · 500 tokens/s · $0.24 · 20 s"),
        ({"n_answered": 0, "n_failed": 0, "cost": 0.0, "prompt_tokens": 0, "completion_tokens": 0},
         "0/500"),
    ],
    ids=["under way", "not counted", "resumed, no price", "done", "nothing yet"],
)  # fmt: skip
def test_a_line_says_how_far_the_job_is(changes: dict[str, Any], line: str) -> None:
    assert describe(progress(**changes)) == line


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (1e-5, "<$0.0001"), (0.00123, "$0.0012"), (0.5, "$0.50"), (1234.5, "$1,234.50")],
)
def test_small_amounts_show_two_digits(amount: float, text: str) -> None:
    assert dollars(amount) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (86_400 * 3, "3 d")],
)
def test_a_time_is_told_in_its_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_without_a_terminal_nothing_is_shown() -> None:
    with progress_display() as show:
        assert show is None


def test_a_bar_that_is_asked_for_in_a_pipe_is_plain_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress_display(shown=True) as show:
        assert show is not None
        show(progress())
    out, err = capsys.readouterr()
    assert (out, err) == ("", describe(progress()) + "\n")


def test_lines_come_every_ten_seconds_and_at_the_end() -> None:
    stream, now = io.StringIO(), [0.0]
    lines = _Lines(stream, clock=lambda: now[0])
    for now[0] in (1.0, 9.0, 10.0, 11.0, 25.0, 26.0):
        lines.show(progress(n_answered=int(now[0])))
    lines.close()
    assert [line.split("/")[0] for line in stream.getvalue().splitlines()] == ["13", "28", "29"]


def test_a_reader_of_the_lines_that_has_gone_ends_nothing() -> None:
    stream = io.StringIO()
    lines = _Lines(stream)
    stream.close()
    lines.show(progress())
    lines.close()


def test_a_terminal_without_rich_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with progress_display() as show:
        assert show is not None
        show(progress())
    assert stream.getvalue() == describe(progress()) + "\n"


def test_a_terminal_that_draws_nothing_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "dumb")
    with progress_display() as show:
        assert show is not None
        show(progress())
    assert stream.getvalue() == describe(progress()) + "\n"


@pytest.mark.parametrize("how", ["well", "fail"])
def test_a_bar_ends_with_the_cursor_shown(how: str) -> None:
    with terminal(how, program="tests.batch.show_bar") as shown:
        code = shown.exit_code()
    assert "3/4 · 60 tokens/s · $0.50 of about $0.67 · 1 s left" in shown.shown
    assert (code == 0) == (how == "well")
    assert shown.raw.rindex("\x1b[?25h") > shown.raw.rindex("\x1b[?25l")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, closed()], ids=["none", "closed"])
@pytest.mark.parametrize("shown", [None, True])
def test_a_program_without_standard_error_runs_its_jobs(
    stream: Any, shown: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_display(shown) as show:
        if show is not None:
            show(progress())
