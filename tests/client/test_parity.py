"""`AsyncLLM` is `LLM`, awaited: the same methods, the same arguments, all of them documented."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from LLM import LLM, AsyncChatStream, AsyncCompletionStream, AsyncLLM, ChatStream, CompletionStream

PAIRS = [(LLM, AsyncLLM), (ChatStream, AsyncChatStream), (CompletionStream, AsyncCompletionStream)]
#: What only coroutines have: the name that `contextlib.aclosing` looks for.
ASYNC_ONLY = {"aclose"}


def public(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


def shape(function: Any) -> list[tuple[str, Any, Any]]:
    """Name, kind and default of each parameter."""
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters]


METHODS = sorted(name for name in public(LLM) if callable(getattr(LLM, name)))


def test_both_clients_have_the_same_methods() -> None:
    assert METHODS
    assert public(AsyncLLM) - ASYNC_ONLY == public(LLM)


@pytest.mark.parametrize("pair", PAIRS[1:], ids=lambda pair: pair[0].__name__)
def test_both_streams_have_the_same_names(pair: tuple[type, type]) -> None:
    blocking, asynchronous = pair
    assert public(asynchronous) - ASYNC_ONLY == public(blocking) - {"close"}


@pytest.mark.parametrize("name", ["__init__", *METHODS])
def test_a_method_takes_the_same_arguments_in_both(name: str) -> None:
    assert shape(getattr(LLM, name)) == shape(getattr(AsyncLLM, name))


@pytest.mark.parametrize("name", METHODS)
def test_arguments_have_the_same_types_in_both(name: str) -> None:
    both = [dict(inspect.get_annotations(getattr(cls, name))) for cls in (LLM, AsyncLLM)]
    for types in both:
        types.pop("return", None)
    assert both[0] == both[1]


def test_what_waits_is_awaited_and_nothing_else() -> None:
    waiting = {name for name in METHODS if inspect.iscoroutinefunction(getattr(AsyncLLM, name))}
    assert waiting == {
        "batch", "cancel_batch", "chat_completion", "close", "completion", "list_models",
        "reset_session",
    }  # fmt: skip


@pytest.mark.parametrize("cls", [LLM, AsyncLLM], ids=lambda cls: cls.__name__)
def test_every_method_is_documented(cls: type) -> None:
    assert [name for name in public(cls) if not inspect.getdoc(getattr(cls, name))] == []
