"""What is written on a terminal and in a pipe, and how an answer's pace is told."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest

from LLM.streaming import ChatStream
from LLM.types import ChatCompletionChunk
from local_llm_kit.cli.loading_bar import loading_bar
from local_llm_kit.cli.pace import Pace
from local_llm_kit.cli.tables import echo_json
from local_llm_kit.cli.terminal import Output, dim, printable
from local_llm_kit.load_progress import LoadProgress

HOSTILE = "a\x1b]0;title\x07b\x9b2Jc\rd\te\n\x7f"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_steers_a_terminal_is_made_visible() -> None:
    assert printable(HOSTILE) == "a�]0;title�b�2Jcd\te\n�"


@pytest.mark.parametrize("kind", [Screen, io.StringIO], ids=["terminal", "pipe"])
def test_a_pipe_has_the_text_as_it_is(kind: type[io.StringIO]) -> None:
    stream = kind(newline="")
    Output(stream).write(HOSTILE)
    assert stream.getvalue() == (printable(HOSTILE) if kind is Screen else HOSTILE)


def test_json_steers_no_terminal_and_stays_readable(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"name": "a\x9b2Jé\u202e\U000e0001\udcff\n"}
    echo_json(value)
    told = capsys.readouterr().out
    assert json.loads(told) == value
    assert "é" in told
    assert all(c.isprintable() or c == "\n" for c in told)


def test_a_letter_that_the_locale_lacks_ends_nothing() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Output(stream).write("é!")
    assert stream.buffer.getvalue() == b"?!"


def test_thoughts_are_for_eyes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen, pipe = Screen(), io.StringIO()
    for stream in (screen, pipe):
        Output(stream).write_dimly("hm\x1b")
    assert screen.getvalue() == "\x1b[2mhm�\x1b[0m"
    assert pipe.getvalue() == ""


@pytest.mark.parametrize(
    "variable", [("NO_COLOR", "1"), ("TERM", "dumb")], ids=["no-color", "dumb"]
)
def test_no_colour_where_none_is_wanted(
    monkeypatch: pytest.MonkeyPatch, variable: tuple[str, str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(*variable)
    assert dim("a", Screen()) == "a"


def test_a_line_is_ended_once() -> None:
    stream = io.StringIO()
    out = Output(stream)
    out.end_line()
    out.write("a")
    out.end_line()
    out.end_line()
    assert stream.getvalue() == "a\n"


def paced(times: list[float], usage: dict[str, object] | None) -> Pace:
    """The pace of an answer: when it is asked for, its pieces, and its end, in seconds."""

    def chunks() -> Iterator[ChatCompletionChunk]:
        for text in ["x"] * (len(times) - 2):
            yield ChatCompletionChunk.model_validate({"choices": [{"delta": {"content": text}}]})
        end = [{"delta": {}, "finish_reason": "stop"}]
        yield ChatCompletionChunk.model_validate({"choices": end, "usage": usage})

    clock = iter(times)
    pace = Pace(clock=lambda: next(clock))
    assert [text for _, text in pace.pieces(ChatStream(chunks(), lambda: None))]
    return pace


def test_the_pace_is_of_the_tokens_after_the_first() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 21,
             "prompt_tokens_details": {"cached_tokens": 4}}  # fmt: skip
    pace = paced([10, 12, 13, 16, 17], usage)
    assert (pace.first_s, pace.end_s, pace.tokens_per_s) == (2, 7, 5)
    assert (pace.n_prompt, pace.n_cached) == (9, 4)
    assert str(pace) == "21 tokens · 5 tokens/s · 2.00 s to the first"


def test_the_pace_of_a_short_answer_is_that_of_its_whole_time() -> None:
    assert paced([10, 12, 12.1, 13], {"completion_tokens": 21}).tokens_per_s == pytest.approx(10)


def test_a_server_without_counts_leaves_the_rate_out() -> None:
    assert str(paced([10, 12, 13], None)) == "2.00 s to the first"


def test_no_bar_is_shown_in_a_pipe() -> None:
    with loading_bar() as watch:
        assert watch is None


def test_a_bar_appears_with_the_first_step_and_goes_with_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with loading_bar() as watch:
        assert watch is not None
        assert screen.getvalue() == ""
        watch(LoadProgress("[b]m[/b]", 3 << 30, 0.0))
        assert "loading [b]m[/b] (3.00 GiB)" in screen.getvalue()
        watch(LoadProgress("[b]m[/b]", 3 << 30, 1.0))
        n_shown = len(screen.getvalue())
        watch(LoadProgress("draft", 1, 0.0))
        assert len(screen.getvalue()) == n_shown
