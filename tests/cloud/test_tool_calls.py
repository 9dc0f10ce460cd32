"""Tool calls and results of a conversation, as all codecs read them."""

from __future__ import annotations

from typing import Any

import pytest

from cloud.llm.tool_calls import called_function, result_content
from LLM.exceptions import InvalidRequestError


def call(arguments: Any) -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}


@pytest.mark.parametrize(
    ("arguments", "read"),
    [('{"a": null}', {"a": None}), ("", {}), (" \n", {}), (None, {}), ({"a": 1}, {"a": 1})],
    ids=["text", "empty", "white space", "none", "object"],
)
def test_arguments_are_an_object(arguments: Any, read: Any) -> None:
    assert called_function(call(arguments), "p") == ("f", read)


@pytest.mark.parametrize("arguments", ["{", "[1]", "null", '{"a": NaN}', '"\ud800', 5])
def test_arguments_that_are_no_object_are_named(arguments: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"^p\.function\.arguments is no JSON object"):
        called_function(call(arguments), "p")


@pytest.mark.parametrize(
    "call",
    [5, {}, {"function": "f"}, {"function": {"name": ""}}, {"function": {"name": 5}}],
    ids=["number", "empty", "text", "nameless", "odd name"],
)
def test_what_is_no_call_is_named(call: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"^p is no call of a function; give"):
        called_function(call, "p")


PARTS = [{"type": "text", "text": "a"}]


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ("a", "a"),
        (None, None),
        (PARTS, PARTS),
        ({"a": 1}, '{"a":1}'),
        ([], "[]"),
        ([1, "b"], '[1,"b"]'),
        (0, "0"),
        (False, "false"),
    ],
    ids=["text", "none", "parts", "object", "empty list", "list", "zero", "false"],
)
def test_a_result_is_text_or_parts_or_becomes_json(content: Any, read: Any) -> None:
    assert result_content(content, "p") == read


def test_a_result_without_a_json_form_is_named() -> None:
    with pytest.raises(InvalidRequestError, match=r"^p cannot be written as JSON"):
        result_content(object(), "p")
