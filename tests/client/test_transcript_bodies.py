"""What a transcript shows of a body: long texts cut, keys masked, streams put together."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from LLM.answer import Answer
from LLM.secrets import MASK
from LLM.transcript import Transcript
from LLM.transcript.growth import grown, merged
from LLM.transcript.output import Output
from LLM.transcript.shown import MAX_CHARS, shown, shown_headers
from LLM.wire import WireRequest

KEY = "sk-SECRET0123456789"
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in base64": lambda key: base64.b64encode(key.encode()).decode(),
    "quoted": lambda key: quote(key, safe=""),
    "escaped": lambda key: key.replace("/", "\\/"),
    "escaped twice": lambda key: key.replace("/", "\\\\/"),
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a" * 100, "a" * 100),
        ("é " * 3_000, f"{'é ' * (MAX_CHARS // 2)}… (6,000 characters)"),
        (f"data:image/png;base64,{'iVBO' * 99}", "data:image/png;base64,… (418 characters)"),
        ("iVBORw0K" * 99, "iVBORw0KiVBORw0KiVBORw0K… (792 characters)"),
        ([0.5] * 1_536, [*[0.5] * 8, "… (1,536 numbers)"]),
        (["a"] * 300, [*["a"] * 200, "… (300 items)"]),
        ({"a": {"b": None, "c": True}}, {"a": {"b": None, "c": True}}),
        (float("inf"), "inf"),
    ],
    ids=["short", "long", "data-url", "base64", "numbers", "items", "nested", "infinite"],
)  # fmt: skip
def test_what_is_long_is_cut_with_its_length(value: Any, expected: Any) -> None:
    assert shown(value, ()) == expected


def test_a_key_at_the_cut_is_not_half_shown() -> None:
    text = "x" * (MAX_CHARS - 8) + " " + KEY + "y" * MAX_CHARS
    assert "SECRET" not in shown(text, (KEY,))


@pytest.mark.parametrize("key", ["Ab1+/9=z", "k3y/" * 75], ids=["short", "as-long-as-an-image"])
@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_no_spelling_of_a_key_is_shown(key: str, spell: Callable[[str], str]) -> None:
    told = json.dumps([shown(spell(key), (key,)), shown_headers({"x": spell(key)}, (key,))])
    assert spell(key)[:12] not in told
    assert told.count(MASK) == 2


def test_nesting_has_an_end() -> None:
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    assert "[…]" in json.dumps(shown(deep, ()), ensure_ascii=False)


ANTHROPIC: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"usage": {"input_tokens": 3}}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
    {"type": "message_stop"},
]
TOOL_CALLS: list[dict[str, Any]] = [
    {"choices": [{"index": 0, "delta": {"tool_calls": [
        {"index": 0, "function": {"name": "f", "arguments": "{"}}]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [
        {"index": 0, "function": {"arguments": "}"}},
        {"index": 1, "function": {"name": "g", "arguments": "{}"}}]}}]},
]  # fmt: skip
THOUGHTS: list[dict[str, Any]] = [
    {"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}]}}]},
    {"candidates": [{"content": {"parts": [{"text": "Hel"}]}}]},
    {"candidates": [{"content": {"parts": [{"text": "lo"}]}}]},
]
LINES = [{"message": {"content": "Hel"}, "done": False}, {"message": {"content": "lo"}}]


def sse(events: list[dict[str, Any]]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in events)


def test_events_of_anthropic_grow_together() -> None:
    told = grown(sse(ANTHROPIC), {})
    assert told["delta"]["text"] == "Hello"
    assert told["message"]["usage"] == {"input_tokens": 3}


def test_tool_calls_grow_by_their_index() -> None:
    calls = grown(sse(TOOL_CALLS), {})["choices"][0]["delta"]["tool_calls"]
    assert [one["function"] for one in calls] == [
        {"name": "f", "arguments": "{}"},
        {"name": "g", "arguments": "{}"},
    ]


def test_thoughts_of_gemini_stay_apart_from_its_answer() -> None:
    parts = grown(sse(THOUGHTS), {})["candidates"][0]["content"]["parts"]
    assert parts == [{"text": "hm", "thought": True}, {"text": "Hello"}]


def test_lines_of_json_grow_as_events_do() -> None:
    body = b"".join(json.dumps(one).encode() + b"\n" for one in LINES)
    told = grown(body, {"content-type": "application/x-ndjson"})
    assert told == {"message": {"content": "Hello"}, "done": False}


def test_bytes_that_are_no_events_give_nothing() -> None:
    assert grown(b"<html>\n\n\xff", {}) is None


class Kept(Output):
    """Keeps what is written."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        super().__init__(self.blocks.append, lambda: None, is_json=False, has_colours=lambda: False)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\x89PNG\xff\xff" * 3, "    <18 bytes that are no text>\n"),
        (b"plain\ntext", "    plain\n    text\n"),
        (b"", " s, 0 bytes\n"),
        (b"[" * 100_000, "[… (100,000 bytes)\n"),
    ],
    ids=["binary", "text", "empty", "deep"],
)  # fmt: skip
def test_bodies_that_are_no_json_are_shown_too(body: bytes, expected: str) -> None:
    kept = Kept()
    request = WireRequest("GET", "http://x/v1/models?key=abcdefgh", {}, None, 1.0)
    Transcript(kept).call(request, lambda: Answer(200, {}, body))
    assert "/v1/models?key=********** (" in kept.blocks[0]
    assert kept.blocks[1].endswith(expected)


def test_a_list_that_never_ends_is_not_compared_item_by_item_with_itself() -> None:
    compared = 0

    class Index(int):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return super().__eq__(other)

        __hash__ = int.__hash__

    items: Any = []
    for n in range(1_000):
        items = merged(items, [{"index": Index(n)}])
    assert len(items) == 1_000
    assert compared < 200_000
