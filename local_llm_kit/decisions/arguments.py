"""The arguments of a decision, checked.

Source: OpenAI's API reference, ``POST /v1/decisions``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from local_llm_kit.decisions.input import input_messages, text_of
from local_llm_kit.fields import Fields, check_text, invalid, quoted
from local_llm_kit.hints import BOOKKEEPING, ignore_hints

MAX_QUESTIONS = 400
MAX_CHOICES = 255
MAX_LEVELS = 10
#: Longest text of an option, and of what describes it, in characters.
MAX_OPTION_CHARS = 1000
MAX_NAME_CHARS = 256

QuestionType = Literal["predicate", "choice", "score"]


@dataclass(frozen=True, slots=True)
class Option:
    """One of the answers that a question allows.

    :param value: what the caller gets back: a text or a truth value of a choice, the place of a
        level, True or False of a predicate.
    :param text: what the model would write.
    :param description: what the model is told about it; may be empty.
    """

    value: str | bool | int
    text: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One question about the input.

    :param type: a predicate asks whether a statement is true, a choice for one of several values,
        a score for a level of a scale.
    :param instructions: the statement, or what to choose or rate.
    :param options: the answers allowed, with different texts; a score's from the lowest level up.
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
    :param messages: the input as a conversation in the form that templates take.
    :param questions: 1 to 400.
    :param ignored: names of the arguments that were given and have no effect.
    """

    model: str | None
    messages: list[dict[str, Any]]
    questions: tuple[Question, ...]
    ignored: tuple[str, ...] = ()


#: What a model writes to say that a statement is true, or is not.
PREDICATE_OPTIONS = (Option(True, "Yes"), Option(False, "No"))


def parse_decision(body: Mapping[str, Any]) -> DecisionArguments:
    """Check the arguments of a decision.

    :raises InvalidRequestError: names the argument.
    """
    fields = Fields(body)
    ignore_hints(fields, BOOKKEEPING)
    arguments = DecisionArguments(
        fields.text("model"),
        input_messages(fields.take("input")),
        _questions(fields.take("questions")),
        tuple(fields.ignored),
    )
    fields.done({})
    return arguments


def _questions(value: Any) -> tuple[Question, ...]:
    if not isinstance(value, (list, tuple)) or not 0 < len(value) <= MAX_QUESTIONS:
        raise invalid("questions", f"questions must be a list of 1 to {MAX_QUESTIONS} questions")
    return tuple(_question(f"questions[{i}]", one) for i, one in enumerate(value))


def _question(where: str, value: Any) -> Question:
    if not isinstance(value, Mapping):
        raise invalid(where, f"{where} must be an object with type and instructions")
    left = {name: item for name, item in value.items() if item is not None}
    kind = left.pop("type", None)
    if kind not in get_args(QuestionType):
        shown = quoted(kind)
        raise invalid(
            f"{where}.type",
            f"the type of {where} is {shown}; types: {', '.join(get_args(QuestionType))}",
        )
    question = Question(
        kind,
        _filled(f"{where}.instructions", left.pop("instructions", None)),
        _options(where, kind, left),
        _name(f"{where}.name", left.pop("name", None)),
    )
    if left:
        unknown = str(min(left, key=str))
        raise invalid(where, f"{where} has the unknown field {unknown[:80]!r}", "unknown_parameter")
    return question


def _filled(where: str, value: Any) -> str:
    text = text_of(where, value)
    if not text.strip():
        raise invalid(where, f"{where} must be a text that is not empty")
    return text


def _name(where: str, value: Any) -> str | None:
    return None if value is None else _short(where, value, MAX_NAME_CHARS)


def _options(where: str, kind: QuestionType, left: dict[str, Any]) -> tuple[Option, ...]:
    if kind == "predicate":
        return PREDICATE_OPTIONS
    if kind == "choice":
        field, limit = "choices", MAX_CHOICES
    else:
        field, limit = "levels", MAX_LEVELS
    where, value = f"{where}.{field}", left.pop(field, None)
    if not isinstance(value, (list, tuple)) or not 2 <= len(value) <= limit:
        raise invalid(where, f"{where} must be a list of 2 to {limit}")
    if kind == "choice":
        options = [_choice(f"{where}[{i}]", one) for i, one in enumerate(value)]
    else:
        options = [_level(f"{where}[{i}]", i, one) for i, one in enumerate(value)]
    _check_unique(where, options)
    return _distinguished(options)


def _choice(where: str, value: Any) -> Option:
    fields = _fields(where, value, "value")
    given = fields["value"]
    if isinstance(given, bool):
        return Option(given, "true" if given else "false", fields["description"])
    text = _short(f"{where}.value", given, MAX_OPTION_CHARS)
    return Option(text, text, fields["description"])


def _level(where: str, index: int, value: Any) -> Option:
    fields = _fields(where, value, "label")
    label = _short(f"{where}.label", fields["label"], MAX_OPTION_CHARS)
    return Option(index, label, fields["description"])


def _fields(where: str, value: Any, required: str) -> dict[str, Any]:
    allowed = {required, "description"}
    if not isinstance(value, Mapping) or required not in value or not value.keys() <= allowed:
        raise invalid(
            where, f"{where} must be an object with {required} and, if wanted, description"
        )
    described = value.get("description")
    if described not in (None, ""):
        described = _short(f"{where}.description", described, MAX_OPTION_CHARS)
    return {required: value[required], "description": described or ""}


def _short(where: str, value: Any, limit: int) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > limit:
        raise invalid(where, f"{where} must be a text of 1 to {limit:,} characters")
    check_text(where, value)
    return value.strip()


def _check_unique(where: str, options: Sequence[Option]) -> None:
    seen: set[tuple[type, str]] = set()
    for i, option in enumerate(options):
        key = (type(option.value), option.text)
        if key in seen:
            raise invalid(where, f"{where}[{i}] repeats an earlier one; each must differ")
        seen.add(key)


def _distinguished(options: list[Option]) -> tuple[Option, ...]:
    """Options with different texts: where a text and a truth value read alike, as JSON spells them.

    The two are different answers in this API.
    """
    if len({option.text for option in options}) < len(options):
        return tuple(
            Option(one.value, f'"{one.text}"' if isinstance(one.value, str) else one.text,
                   one.description)
            for one in options
        )  # fmt: skip
    return tuple(options)
