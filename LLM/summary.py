"""Summaries of what an overflow policy drops, written by a model that is asked for them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from LLM.exceptions import LLMContextLengthError
from LLM.overflow import NOTE_HEADING, ChatMessage, Count, calls_of, is_note
from LLM.steps import run_steps

#: A text of which no half is worth asking about.
_SHORTEST_CHARS = 16

_TASK = (
    "Summarise the conversation below in at most 100 words, for an assistant that will go on with "
    "it without seeing it. Keep names, numbers, decisions and what is still open. Write the "
    "summary only."
)


#: A conversation that the model is to answer.
Request = list[dict[str, Any]]


class Summariser:
    """Has a model summarise messages, in as many pieces as its window asks for.

    Each piece is summarised together with the summary of those before it.

    :param ask: has the model answer a conversation; gives the answer's text.
    :param count: tokens of the messages given to it.
    :param window: tokens that a conversation for `ask` may take.
    """

    def __init__(self, ask: Callable[[Request], str], count: Count, window: int) -> None:
        self._ask = ask
        self._count = count
        self._window = window

    def __call__(self, messages: Sequence[ChatMessage]) -> str:
        """The summary of `messages`; a note of an earlier cut is gone on with.

        :raises LLMContextLengthError: the window is too small even for a piece of a message.
        :raises LLMError: the model was asked in vain.
        """
        return run_steps(summarising(messages, self._count, self._window), self._ask)


def summarising(
    messages: Sequence[ChatMessage], count: Count, window: int
) -> Generator[Request, str, str]:
    """`Summariser` as steps, see `LLM.steps`: yields conversations, is sent the model's answers."""
    notes = [str(message["content"]) for message in messages if is_note(message)]
    summary = " ".join(note.removeprefix(NOTE_HEADING) for note in notes)
    lines = [_line(message) for message in messages if not is_note(message)]
    while lines:
        n_lines = _n_fitting(summary, lines, count, window)
        if n_lines:
            summary = (yield _request(summary, lines[:n_lines])).strip()
            lines = lines[n_lines:]
        else:
            lines[0] = _shortened(lines[0], window)
    return summary


def _n_fitting(summary: str, lines: list[str], count: Count, window: int) -> int:
    def size(n_lines: int) -> int:
        return count(_request(summary, lines[:n_lines]))

    return bisect_right(range(1, len(lines) + 1), window, key=size)


def _shortened(line: str, window: int) -> str:
    """The two ends of a text that no request has room for, half as long together."""
    if len(line) < _SHORTEST_CHARS:
        raise LLMContextLengthError(
            f"{window:,} tokens are too few to have a conversation summarised; choose a larger "
            "window or another overflow policy",
            status_code=400,
            code="context_length_exceeded",
        )
    end = len(line) // 4
    return f"{line[:end]}…{line[-end:]}"


def _request(summary: str, lines: Sequence[str]) -> Request:
    earlier = [f"What was said before, in short: {summary}"] if summary else []
    return [{"role": "user", "content": "\n".join([_TASK, "", *earlier, *lines])}]


def _line(message: ChatMessage) -> str:
    """A message as a line of a transcript."""
    calls = [*calls_of(message), message.get("function_call")]
    said = [_text(message.get("content")), *(f"calls {_compact(call)}" for call in calls if call)]
    return f"{message.get('role')}: {' '.join(filter(None, said))}"


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list | tuple):
        return str(content)  # the server will refuse it
    return " ".join(
        str(part.get("text") or f"[{part.get('type')}]") if isinstance(part, Mapping) else str(part)
        for part in content
    )


def _compact(call: Any) -> str:
    """A tool call's name and arguments."""
    fields = call.model_dump() if hasattr(call, "model_dump") else call
    function = fields.get("function", fields) if isinstance(fields, Mapping) else None
    if not isinstance(function, Mapping):
        return str(call)  # the server will refuse it
    return f"{function.get('name')} {function.get('arguments') or ''}"
