"""Tool calls in a model's text, in whatever form and pieces they come."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmring.providers.ollama.tool_call_text import ToolCallText
from llmring.providers.ollama.tool_call_value import TextCall

NAMES = {"get_weather", "add"}
CALL = '{"name": "get_weather", "arguments": {"city": "Paris"}}'
OTHER = '{"name": "add", "arguments": {"a": 1}}'
PARIS = ("get_weather", '{"city":"Paris"}')
ADD = ("add", '{"a":1}')


def read(pieces: Iterable[str], *, parallel: bool = True) -> tuple[str, list[tuple[str, str]]]:
    """The text and the calls of an answer that came in pieces."""
    parser = ToolCallText(NAMES, parallel=parallel)
    found = [one for piece in pieces for one in parser.feed(piece)] + parser.flush()
    calls = [(one.name, one.arguments) for one in found if isinstance(one, TextCall)]
    assert parser.n_calls == len(calls)
    return "".join(one for one in found if isinstance(one, str)), calls


CALLS = {
    "asked": (f"<tool_call>\n{CALL}\n</tool_call>", "", [PARIS]),
    "bare": (CALL, "", [PARIS]),
    "fence": (f"```json\n{CALL}\n```", "", [PARIS]),
    "fence of no language": (f"```\n{CALL}```", "", [PARIS]),
    "fence around the block": (
        f"```tool_call\n<tool_call>\n{CALL}\n</tool_call>\n```", "", [PARIS]),
    "prose before": (f"Let me look.\n\n<tool_call>{CALL}</tool_call>", "Let me look.", [PARIS]),
    "prose after": (f"<tool_call>{CALL}</tool_call>\nDone.", "Done.", [PARIS]),
    "prose around": (f"One moment: {CALL}\n That is it. ", "One moment:\nThat is it.", [PARIS]),
    "several blocks": (
        f"<tool_call>\n{CALL}\n</tool_call>\n<tool_call>\n{OTHER}\n</tool_call>", "", [PARIS, ADD]),
    "several in a block": (f"<tool_call>{CALL}\n{OTHER}</tool_call>", "", [PARIS, ADD]),
    "several in a fence": (f"```json\n{CALL}\n{OTHER}\n```", "", [PARIS, ADD]),
    "list": (f"[{CALL}, {OTHER}]", "", [PARIS, ADD]),
    "as OpenAI has them": (
        '{"tool_calls": [{"id": "x", "type": "function", "function": ' + CALL + "}]}", "", [PARIS]),
    "parameters": ('{"name": "add", "parameters": {"a": 1}}', "", [ADD]),
    "arguments as text": ('{"name": "add", "arguments": "{\\"a\\":1}"}', "", [ADD]),
    "arguments first": ('{"arguments": {"a": 1}, "name": "add"}', "", [ADD]),
    "no arguments": ('{"name": "add"}', "", [("add", "{}")]),
    "null": ('{"name": "add", "arguments": null}', "", [("add", "{}")]),
    "one brace too many": (f"<tool_call>{CALL}}}</tool_call>", "", [PARIS]),
    "never closed": (f"<tool_call>{CALL}", "", [PARIS]),
    "marks in a string": (
        '{"name": "add", "arguments": {"a": "}{\\"</tool_call>```"}}', "",
        [("add", '{"a":"}{\\"</tool_call>```"}')]),
    "behind code": (f"```\ncode\n```\n{CALL}", "```\ncode\n```", [PARIS]),
    "indented": (
        '[\n    {\n        "name": "add",\n        "arguments": {"a": 1}\n    }\n]', "", [ADD]),
}  # fmt: skip

#: These are what they are: text, to the letter.
TEXTS = {
    "empty": "",
    "prose": "Hello! How are you?  \n",
    "brackets": "See [1], {x} and [link](https://example.org).",
    "code": "Run `ls`:\n```sh\nls -l {a,b} | grep '\"'\n```\n",
    "JSON": '{"city": "Paris", "sunny": true}',
    "JSON in a fence": '```json\n{"city": "Paris"}\n```',
    "unknown tool": '<tool_call>{"name": "rm", "arguments": {}}</tool_call>',
    "one of them unknown": f'[{CALL}, {{"name": "rm", "arguments": {{}}}}]',
    "a person": '{"name": "add", "age": 3}',
    "half": '<tool_call>\n{"name": "get_weather", "arguments": {"ci',
    "half a mark": "Well, <tool_c",
    "half a fence": "``",
    "call inside of other JSON": '{"request": ' + CALL + "}",
    "arguments of another kind": '{"name": "add", "arguments": [1]}',
    "arguments as no JSON": '{"name": "add", "arguments": "a=1"}',
    "not a number": '{"name": "add", "arguments": {"a": NaN}}',
    "newline in a string": '{"name": "add", "arguments": {"a": "\n"}}',
    "nothing in the block": "<tool_call></tool_call>",
    "prose in the block": "<tool_call>get_weather(city='Paris')</tool_call>",
    "a name that is no text": '{"name": 1}',
    "nested too deep": '{"name": "add", "arguments": ' + '{"a":' * 300 + "1" + "}" * 301,
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_found(name: str) -> None:
    text, said, calls = CALLS[name]
    assert read([text]) == (said, calls)


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_call_is_the_text_that_it_is(name: str) -> None:
    assert read([TEXTS[name]]) == (TEXTS[name], [])


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_pieces_do_not_change_the_result(size: int) -> None:
    for text in [*(text for text, _, _ in CALLS.values()), *TEXTS.values()]:
        pieces = [text[i : i + size] for i in range(0, len(text), size)]
        assert read(pieces) == read([text]), text


_BITS = [
    CALL,
    OTHER,
    "<tool_call>",
    "</tool_call>",
    "```",
    "```json\n",
    "{",
    "}",
    "[",
    "]",
    '"',
    "\\",
    "\n",
    " ",
    '{"name"',
    ": ",
    "text ",
    "<",
    "`",
    '{"a": 1}',
    ",",
    "é",
    "</tool",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_BITS), max_size=12), st.data())
def test_any_text_is_read_alike_in_any_pieces_and_nothing_is_lost(
    bits: list[str], data: st.DataObject
) -> None:
    text = "".join(bits)
    whole = read([text])
    at = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    assert read(text[i:j] for i, j in zip([0, *at], [*at, len(text)], strict=True)) == whole
    assert read(text) == whole
    assert whole[1] or whole[0] == text


def test_text_is_told_as_it_comes() -> None:
    parser = ToolCallText(NAMES)
    assert parser.feed("Hello ") == ["Hello"]
    assert parser.feed("there, {") == [" there,"]
    assert parser.feed('"city": "Pa') == [' {"city": "Pa']
    assert parser.feed('ris"}!') == ['ris"}', "!"]


def test_one_call_at_most_is_taken_where_the_model_may_make_one() -> None:
    text = f"First: {CALL} {OTHER} and so on"
    assert read([text], parallel=False) == ("First:", [PARIS])
    assert read(text, parallel=False) == ("First:", [PARIS])
    assert read([f"[{CALL}, {OTHER}]"], parallel=False) == ("", [PARIS])


@pytest.mark.parametrize(
    "text",
    [
        "{" * 100_000,
        "[" * 100_000,
        '{"name":' * 50_000,
        '{"name": "' + "a" * 1_000_000,
        '{"name": "' + "\\" * 100_000,
        "```" * 50_000,
        "<tool_call>" * 50_000,
        "<tool_call>" + " " * 1_000_000,
        '{"name":"add","arguments":{"a":[' + "0," * 300_000 + "0]}}",
    ],
    ids=[
        "braces",
        "brackets",
        "nested",
        "string",
        "escapes",
        "fences",
        "marks",
        "blanks",
        "values",
    ],
)
def test_hostile_text_takes_time_in_proportion(text: str) -> None:
    started = time.process_time()
    assert read([text[:1000], *(text[i : i + 997] for i in range(1000, len(text), 997))]) == (
        text,
        [],
    )
    assert time.process_time() - started < 5
