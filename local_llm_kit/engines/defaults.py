"""What the engines choose alike where a caller does not, and what they check of what one does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from LLM.exceptions import LLMConfigError

#: Longest window taken without being asked for, in tokens.
DEFAULT_WINDOW = 8192
#: Cache that slots may take together without being asked for, in bytes.
DEFAULT_CACHE_BYTES = 1 << 30
#: Below this many weights the threads' meeting costs more than they save.
ONE_THREAD_PARAMS = 50_000_000


def capabilities_of(chat_template: str | None) -> tuple[str, ...]:
    """What a model of an engine of ours can do, in Ollama's words.

    :param chat_template: Jinja source; where it says nothing of tools, the model never hears of
        those that a call offers. None stands for ChatML, which does not.
    """
    calls = ("tools",) if "tools" in (chat_template or "") else ()
    return ("completion", "embedding", *calls)


def check_whole_numbers(options: Any, ranges: Mapping[str, tuple[int, int]]) -> None:
    """Refuse fields that are no whole number in their range; None passes where it is the default.

    :param options: a data class.
    :raises LLMConfigError: names the field and its range.
    """
    optional = {field.name for field in fields(options) if field.default is None}
    for name, (low, high) in ranges.items():
        value = getattr(options, name)
        if value is None and name in optional:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise LLMConfigError(
                f"{name} is {value!r}; give a whole number from {low:,} to {high:,}"
            )


def check_guessing(speculation: str | None, draft_path: str | None) -> None:
    """Refuse a way to guess ahead that there is not, and two at once.

    :raises LLMConfigError: says so.
    """
    if speculation not in (None, "prompt_lookup"):
        raise LLMConfigError(
            f"speculation is {speculation!r}; there is 'prompt_lookup', or give draft_model"
        )
    if speculation and draft_path:
        raise LLMConfigError("speculation and draft_model both guess ahead; give one of them")


def choose_window(asked: int | None, trained: int) -> int:
    """Tokens of prompt and output together.

    :raises LLMConfigError: more are asked for than the model was trained for.
    """
    if asked is None:
        return min(trained, DEFAULT_WINDOW)
    if asked > trained:
        raise LLMConfigError(
            f"context_length is {asked}, but the model was trained for {trained} tokens; choose at "
            "most that"
        )
    return asked


def affordable_cells(
    cache_bytes: int | None, cell_bytes: int, window: int, default_bytes: int = DEFAULT_CACHE_BYTES
) -> int:
    """Tokens for which a cache has room.

    :param cache_bytes: what the caller lets it take; None lets it take `default_bytes`.
    :param cell_bytes: what one token takes in all layers.
    :raises LLMConfigError: what the caller gives is too little for one window.
    """
    affordable = (cache_bytes or default_bytes) // cell_bytes
    if cache_bytes is not None and affordable < window:
        raise LLMConfigError(
            f"cache_bytes is {cache_bytes:,}, but one window of {window} tokens takes "
            f"{window * cell_bytes:,}; raise it or lower context_length"
        )
    return affordable


def default_threads(n_params: int) -> int:
    """Threads for a model of so many weights."""
    if n_params < ONE_THREAD_PARAMS:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
