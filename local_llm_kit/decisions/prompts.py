"""How a question is put to a chat model: after the input, with the answers that it allows.

The input comes first and is the same for all questions, so that they share it in the KV cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from local_llm_kit.decisions.arguments import Option, Question

_ASKED = {
    "predicate": "Is that true of the above? Answer with exactly one of:",
    "choice": "Answer with exactly one of:",
    "score": "Answer with exactly one of these levels, from the lowest to the highest:",
}


def messages_with(question: Question, messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The conversation `messages` with the question at its end.

    It goes into a last message of the user's, since many templates take no two in a row.
    """
    text = question_text(question)
    last = messages[-1]
    if last["role"] == "user":
        return [*messages[:-1], last | {"content": f"{last['content']}\n\n{text}"}]
    return [*messages, {"role": "user", "content": text}]


def question_text(question: Question) -> str:
    """The question with its allowed answers, a line each."""
    options = "\n".join(map(_line, question.options))
    return f"{question.instructions}\n\n{_ASKED[question.type]}\n{options}"


def _line(option: Option) -> str:
    return f"- {option.text}: {option.description}" if option.description else f"- {option.text}"
