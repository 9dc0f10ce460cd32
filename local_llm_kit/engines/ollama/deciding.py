"""Typed decisions through Ollama's ``/v1/systemone``. Pure: questions in, body out; answers back.

The server scores the options itself. It does not tell how likely the model was to write any of
them, so `coverage` is None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from LLM.exceptions import LLMError
from local_llm_kit.backends import JSONObject
from local_llm_kit.decisions.answers import answer_of
from local_llm_kit.decisions.arguments import DecisionArguments, Option, Question
from local_llm_kit.engines.ollama.bodies import unsupported
from local_llm_kit.engines.ollama.facts import Facts
from local_llm_kit.engines.protocol import Event, Failed, Finished

#: What the API calls a predicate.
_PREDICATE = "noul"


def decision_body(arguments: DecisionArguments, facts: Facts) -> JSONObject:
    """The body for all questions; they are named by their places.

    :raises InvalidRequestError: the input holds something that the API has no place for.
    """
    if any(message.get("tool_calls") for message in arguments.messages):
        raise unsupported("input", "its decisions take texts, not tool calls")
    texts = [{"role": one["role"], "content": one["content"]} for one in arguments.messages]
    alone = len(texts) == 1 and texts[0]["role"] == "user"
    return {
        "model": facts.name,
        "state": texts[0]["content"] if alone else texts,
        "questions": {str(i): _question(one) for i, one in enumerate(arguments.questions)},
    }


def _question(question: Question) -> JSONObject:
    body: JSONObject = {"type": question.type, "instructions": question.instructions}
    if question.type == "predicate":
        return body | {"type": _PREDICATE}
    if question.type == "choice":
        return body | {"criteria": {one.text: one.description or None for one in question.options}}
    return body | {"criteria": [_level(one) for one in question.options]}


def _level(option: Option) -> str:
    return f"{option.text}: {option.description}" if option.description else option.text


class DecisionTag(NamedTuple):
    """The tag of a decision's request."""

    answer: ServersDecision


class ServersDecision:
    """The answer to a decision that the server computes in one piece; a `Growing`.

    :param model: name of the model that answers.
    :param questions: what is asked.
    :param unreadable: makes the error for an answer that is not Ollama's.
    """

    def __init__(
        self, model: str, questions: Sequence[Question], unreadable: Callable[[str], LLMError]
    ) -> None:
        self.model = model
        self._questions = questions
        self._unreadable = unreadable
        self._answers: list[JSONObject] = []
        self._end: Finished | None = None

    def read(self, told: JSONObject) -> list[Event]:
        """Take the server's answer.

        :raises LLMResponseError: it is not what was asked for.
        """
        answers, usage = told.get("answers"), told.get("usage")
        if not isinstance(answers, dict) or not isinstance(usage, dict):
            raise self._unreadable("has no answers with their usage")
        self._answers = [
            self._answer(one, answers.get(str(i))) for i, one in enumerate(self._questions)
        ]
        n_input, n_output = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
        if not (isinstance(n_input, int) and isinstance(n_output, int)):
            raise self._unreadable("has a usage that is no number")
        return [Finished(DecisionTag(self), "stop", n_input, n_output, 0)]

    def _answer(self, question: Question, told: Any) -> JSONObject:
        told = told if isinstance(told, dict) else {}
        # Back to logarithms: confidence and expectation are computed in one place.
        scores = [self._log(value) for value in _probabilities(question, told)]
        if not any(map(math.isfinite, scores)):
            raise self._unreadable(f"has no probabilities for a question of type {question.type!r}")
        return answer_of(question, scores) | {"coverage": None}

    def _log(self, value: Any) -> float:
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise self._unreadable("has a probability that is none")
        return math.log(value) if value else -math.inf

    @property
    def done(self) -> bool:
        """Whether the answer has come."""
        return self._end is not None

    def start(self) -> list[JSONObject]:
        """Nothing: a decision is not streamed."""
        return []

    def feed(self, events: Sequence[Event]) -> list[JSONObject]:
        """Take the end; gives no chunks.

        :raises LLMError: the request failed.
        """
        for event in events:
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Finished):
                self._end = event
        return []

    def response(self) -> JSONObject:
        """The whole answer, once `done`."""
        return {"answers": self._answers, "model": self.model, "usage": self.usage()}

    def usage(self) -> JSONObject:
        """Token counts, as the server tells them."""
        n_in, n_out = (
            (self._end.prompt_tokens, self._end.completion_tokens) if self._end else (0, 0)
        )
        return {
            "input_tokens": n_in,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": n_out,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": n_in + n_out,
        }


def _probabilities(question: Question, told: JSONObject) -> list[Any]:
    """What is told of each option, in their order."""
    if question.type == "predicate":
        likely = told.get(_PREDICATE)
        return [likely, 1 - likely] if isinstance(likely, (int, float)) else [None]
    shares = told.get("probabilities")
    shares = shares if isinstance(shares, dict) else {}
    if question.type == "choice":
        return [shares.get(one.text) for one in question.options]
    return [shares.get(str(i)) for i in range(len(question.options))]
