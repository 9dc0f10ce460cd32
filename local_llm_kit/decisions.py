"""Typed decisions: the questions of a call, checked.

Source: OpenAI's API reference, ``POST /v1/decisions``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

QuestionType = Literal["predicate", "choice", "score"]


@dataclass(frozen=True, slots=True)
class Option:
    """One of the answers that a question allows.

    :param value: what the caller gets: a text or a truth value of a choice, the place of a level.
    :param text: what the model is scored on.
    :param description: what the model is told about it; may be empty.
    """

    value: str | bool | int
    text: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One question about the input.

    :param type: a predicate asks whether a statement is true, a choice for one of several values,
        a score for a level on a scale.
    :param instructions: the statement, or what to choose or rate.
    :param options: the answers allowed, at least two; a score's from the lowest level up.
    :param name: given back with the answer.
    """

    type: QuestionType
    instructions: str
    options: tuple[Option, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class DecisionArguments:
    """Questions about one input.

    :param model: the model asked for; None means whichever there is.
    :param messages: the input as a conversation, plain dicts.
    :param questions: at least one.
    """

    model: str | None
    messages: list[dict[str, Any]]
    questions: tuple[Question, ...]
