"""From the scores of a question's allowed answers to probabilities, and to OpenAI's shape.

An option's score is the log probability that the model writes exactly its text and then ends the
answer, summed over its tokens. The ending counts, so that no option is the beginning of another and
the options' probabilities add up to at most 1. Divided by their sum, they are what the model would
answer if it could answer with nothing else. The sum itself is told as `coverage`.

Confidence puts chance at 0 and certainty at 1. For a choice of n it is (p - 1/n) / (1 - 1/n) of the
likeliest; for a score, 1 minus the expected distance from the likeliest level over the mean
distance of n equally likely levels from the middle of the scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from LLM.exceptions import LLMServerError
from local_llm_kit.backends import JSONObject
from local_llm_kit.decisions.arguments import Question
from local_llm_kit.engines.protocol import Event, Failed, Finished, PromptScores


class ScoredQuestion(NamedTuple):
    """A question ready to be scored.

    :ivar question: what is asked.
    :ivar prompt: token ids of the conversation up to the answer.
    :ivar options: token ids of each allowed answer, its ending included.
    """

    question: Question
    prompt: list[int]
    options: list[list[int]]


class OptionTag:
    """One option of one question; the tag of its request."""

    __slots__ = ("answer", "option", "question")

    def __init__(self, answer: DecisionAnswer, question: int, option: int) -> None:
        self.answer = answer
        self.question = question
        self.option = option


class DecisionAnswer:
    """The answer to a decision, growing.

    :param model: name of the model that answers.
    :param questions: what is scored.
    """

    def __init__(self, model: str, questions: Sequence[ScoredQuestion]) -> None:
        self.model = model
        self.questions = questions
        self._scores = [[math.nan] * len(one.options) for one in questions]
        self._cached = [0] * len(questions)
        self._n_open = sum(len(one.options) for one in questions)

    @property
    def done(self) -> bool:
        """Whether every option has its score."""
        return self._n_open == 0

    def tags(self) -> Iterator[OptionTag]:
        """One for each request, in the order in which prefixes are shared best."""
        for i, one in enumerate(self.questions):
            for j in range(len(one.options)):
                yield OptionTag(self, i, j)

    def start(self) -> list[JSONObject]:
        """Nothing: a decision is not streamed."""
        return []

    def feed(self, events: Sequence[Event]) -> list[JSONObject]:
        """Take scores; gives no chunks.

        :raises LLMError: the engine failed.
        """
        for event in events:
            if isinstance(event, Failed):
                raise event.error
            tag: OptionTag = event.tag
            if isinstance(event, PromptScores):
                total = math.fsum(score.logprob for score in event.scores)
                self._scores[tag.question][tag.option] = total
            elif isinstance(event, Finished):
                self._finish(tag, event)
        return []

    def _finish(self, tag: OptionTag, end: Finished) -> None:
        if math.isnan(self._scores[tag.question][tag.option]):
            raise LLMServerError("the engine gave no scores for an option", status_code=500)
        if tag.option == 0:
            n_prompt = len(self.questions[tag.question].prompt)
            self._cached[tag.question] = min(end.cached_tokens, n_prompt)
        self._n_open -= 1

    def response(self) -> JSONObject:
        """The whole answer, once `done`."""
        answers = [
            answer_of(one.question, scores)
            for one, scores in zip(self.questions, self._scores, strict=True)
        ]
        return {"answers": answers, "model": self.model, "usage": self.usage()}

    def usage(self) -> JSONObject:
        """Token counts; each question's prompt counts once, and nothing is generated."""
        n_tokens = sum(len(one.prompt) for one in self.questions)
        return {
            "input_tokens": n_tokens,
            "input_tokens_details": {"cached_tokens": sum(self._cached), "cache_write_tokens": 0},
            "output_tokens": 0,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": n_tokens,
        }


def answer_of(question: Question, scores: Sequence[float]) -> JSONObject:
    """The answer to one question.

    :param scores: log probability of each option.
    :raises LLMServerError: the model gives none of the options any probability.
    """
    probabilities, coverage = normalised(scores)
    facts: JSONObject = {"type": question.type, "name": question.name, "coverage": coverage}
    if question.type == "predicate":
        return facts | {"probability": probabilities[0]}
    best = max(range(len(probabilities)), key=probabilities.__getitem__)
    pairs = list(zip(question.options, probabilities, strict=True))
    if question.type == "choice":
        return facts | {
            "choice": question.options[best].value,
            "confidence": choice_confidence(probabilities),
            "probabilities": [{"value": one.value, "probability": p} for one, p in pairs],
        }
    return facts | {
        "score": math.fsum(i * p for i, p in enumerate(probabilities)),
        "confidence": score_confidence(probabilities),
        "probabilities": [_level(i, one.text, p) for i, (one, p) in enumerate(pairs)],
    }


def _level(index: int, label: str, probability: float) -> dict[str, Any]:
    return {"value": index, "label": label, "probability": probability}


def normalised(scores: Sequence[float]) -> tuple[list[float], float]:
    """Probabilities that add up to 1, and what they added up to before.

    :param scores: natural logarithms.
    :raises LLMServerError: all are impossible, or one is no number.
    """
    highest = max(scores)
    if not math.isfinite(highest):
        raise LLMServerError(
            "the model gives none of the allowed answers any probability; its weights or the "
            "engine's numbers are damaged",
            status_code=500,
        )
    shares = [math.exp(score - highest) for score in scores]
    total = math.fsum(shares)
    return [share / total for share in shares], min(1.0, math.exp(highest) * total)


def choice_confidence(probabilities: Sequence[float]) -> float:
    """How far the likeliest option is above chance, 0 to 1."""
    chance = 1 / len(probabilities)
    return max(0.0, (max(probabilities) - chance) / (1 - chance))


def score_confidence(probabilities: Sequence[float]) -> float:
    """How close to the likeliest level the levels' probability lies, 0 to 1."""
    n = len(probabilities)
    best = max(range(n), key=probabilities.__getitem__)
    distance = math.fsum(p * abs(i - best) for i, p in enumerate(probabilities))
    of_chance = sum(abs(i - (n - 1) / 2) for i in range(n)) / n
    return max(0.0, 1 - distance / of_chance)
