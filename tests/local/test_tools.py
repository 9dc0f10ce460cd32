"""Tool calls in the text, whatever pieces it comes in."""

from __future__ import annotations

import json
import time

import pytest

from local_llm_kit.tools import ParsedCall, Piece, ToolCallParser

CALL = '<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>'


def parse(text: str, size: int = 1000) -> tuple[str, list[tuple[str, str]]]:
    parser = ToolCallParser()
    out: list[Piece] = []
    for i in range(0, len(text), size):
        out += parser.feed(text[i : i + size])
    out += parser.flush()
    calls = [(part.name, part.arguments) for part in out if isinstance(part, ParsedCall)]
    return "".join(part for part in out if isinstance(part, str)), calls


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_calls_and_text_do_not_depend_on_the_cuts(size: int) -> None:
    text = f"Let me see.\n{CALL}\n{CALL}\n"
    assert parse(text, size) == ("Let me see.", [("add", '{"a":1}')] * 2)


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>not json</tool_call>",
        '<tool_call>{"arguments": {}}</tool_call>',
        "a < b <tool_ x </tool_call>  ",
        "  spaces kept  \n",
    ],
)
def test_what_is_no_call_stays_text(text: str, size: int) -> None:
    assert parse(text, size) == (text, [])


def test_a_call_that_is_not_closed_counts() -> None:
    assert parse(CALL.removesuffix("</tool_call>"))[1] == [("add", '{"a":1}')]


def test_half_a_call_stays_text() -> None:
    assert parse('<tool_call>{"name": "ad') == ('<tool_call>{"name": "ad', [])


def test_arguments_that_are_text_are_kept() -> None:
    call = json.dumps({"name": "f", "arguments": '{"x": 2}'})
    assert parse(f"<tool_call>{call}</tool_call>")[1] == [("f", '{"x": 2}')]


@pytest.mark.parametrize("unit", ["<tool_call>", "<tool_call", '{"{"{', "<tool_call>[</tool_call>"])
def test_parsing_takes_linear_time(unit: str) -> None:
    text = unit * (500_000 // len(unit))
    begin = time.process_time()
    parse(text, 1000)
    assert time.process_time() - begin < 2
