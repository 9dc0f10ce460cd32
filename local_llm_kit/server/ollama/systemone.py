"""``/v1/systemone``: typed decisions as Ollama asks and answers them. Pure.

The same as ``/v1/decisions`` in other words: a predicate is a ``noul``, and questions and answers
stand in objects by their names.

Source: the package ``ollama``, ``SystemOneRequest`` and ``SystemOneResponse``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from local_llm_kit.backends import JSONObject
from local_llm_kit.decisions import parse_decision
from local_llm_kit.fields import Fields, invalid, kind_of, refuse_unknown
from local_llm_kit.server.headers import ignored_header
from local_llm_kit.server.ollama.request import read_model, takes_unload
from local_llm_kit.server.service import Ask
from local_llm_kit.server.shapes import OpenAIShape

_TYPES = {"noul": "predicate", "choice": "choice", "score": "score"}
_BOTH = ("false", "true")


def read_systemone(body: Mapping[str, Any]) -> Ask:
    """A request, whole.

    :raises InvalidRequestError: a field is wrong; names it.
    """
    left = Fields(body)
    ignored: list[str] = []
    model = read_model(left)
    questions = left.take("questions")
    if not isinstance(questions, Mapping):
        raise invalid("questions", f"questions must be an object, not {kind_of(questions)}")
    if takes_unload(left, ignored):
        ignored.append("keep_alive")  # only chats and texts unload
    fields: JSONObject = {
        "model": model,
        "input": _input(left.take("state")),
        "questions": [_question(f"questions.{name[:80]}", one) for name, one in questions.items()],
    }
    left.done({})
    arguments = parse_decision(fields)
    return Ask(
        arguments.model,
        lambda model: model.decision(arguments),
        SystemOneShape(list(questions)),
        False,
        ignored_header(ignored),
    )


def _input(state: Any) -> Any:
    """A text or a conversation as it is, any other JSON as text."""
    if state in (None, "", [], {}):
        raise invalid("state", "state must be a text, an object or a list that is not empty")
    if isinstance(state, str) or _is_conversation(state):
        return state
    if isinstance(state, (list, dict)):
        return to_json(state).decode()
    raise invalid("state", f"state must be a text, an object or a list, not {kind_of(state)}")


def _is_conversation(state: Any) -> bool:
    return isinstance(state, list) and all(
        isinstance(one, Mapping) and one.keys() == {"role", "content"} for one in state
    )


def _question(where: str, question: Any) -> JSONObject:
    """A question as ``/v1/decisions`` takes it; what is left wrong is refused there."""
    kind = question.get("type") if isinstance(question, Mapping) else None
    if not isinstance(kind, str) or kind not in _TYPES:
        raise invalid(where, f"{where} must be an object of the type 'noul', 'choice' or 'score'")
    refuse_unknown(where, question, ("type", "instructions", "criteria"))
    instructions, criteria = question.get("instructions"), question.get("criteria")
    if isinstance(instructions, (list, dict)) and instructions:
        instructions = to_json(instructions).decode()
    told: JSONObject = {"type": _TYPES[kind], "instructions": instructions}
    if kind == "noul":
        return told | {"instructions": _with_meanings(where, instructions, criteria)}
    if kind == "choice":
        return told | {"choices": _choices(f"{where}.criteria", criteria)}
    if not isinstance(criteria, list):
        raise invalid(f"{where}.criteria", f"{where}.criteria must be a list of texts")
    return told | {"levels": [{"label": text} for text in criteria]}


def _choices(where: str, criteria: Any) -> list[JSONObject]:
    if not isinstance(criteria, Mapping):
        raise invalid(where, f"{where} must be an object of choices and their descriptions")
    return [{"value": value, "description": text} for value, text in criteria.items()]


def _with_meanings(where: str, instructions: Any, criteria: Any) -> Any:
    """The instructions of a predicate with what its two answers mean, where that is told."""
    if criteria is None or not isinstance(instructions, str):
        return instructions
    is_told = isinstance(criteria, Mapping) and criteria.keys() <= set(_BOTH)
    if not is_told or not all(isinstance(text, str) for text in criteria.values()):
        raise invalid(f"{where}.criteria", f"{where}.criteria must be texts for 'false' and 'true'")
    return "\n".join([instructions, *(f"{one}: {criteria[one]}" for one in criteria)])


class SystemOneShape(OpenAIShape):
    """Tells a decision; it is never streamed.

    :param names: of the questions, in their order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def whole(self, answer: JSONObject) -> JSONObject:
        """The decision with its answers by name."""
        usage = answer["usage"]
        return {
            "model": answer["model"],
            "answers": dict(zip(self._names, map(_answer, answer["answers"]), strict=True)),
            "usage": {name: usage[name] for name in ("input_tokens", "output_tokens")},
        }


def _answer(told: Mapping[str, Any]) -> JSONObject:
    if told["type"] == "predicate":
        return {"type": "noul", "noul": told["probability"]}
    shares = {str(one["value"]): one["probability"] for one in told["probabilities"]}
    common = {"type": told["type"], "probabilities": shares, "confidence": told["confidence"]}
    if told["type"] == "choice":
        return common | {"choice": told["choice"]}
    legend = {str(one["value"]): one["label"] for one in told["probabilities"]}
    return common | {"score": told["score"], "legend": legend}
