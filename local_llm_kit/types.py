"""Objects that a local call returns: the OpenAI shape of `LLM.types` under this package's names."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from LLM.types import ChatCompletionResponse, Choice, Message, OpenAIModel, Usage


class CompletionResponse(ChatCompletionResponse):
    """Answer of `LLMClient.chat.completions.create`."""


class Embedding(OpenAIModel):
    """The embedding of one input.

    :param embedding: the model's numbers, a vector of length 1; or the base64 of their
        little-endian float32 bytes.
    :param index: place of the input.
    """

    embedding: list[float] | str
    index: int
    object: Literal["embedding"] = "embedding"


class EmbeddingsResponse(OpenAIModel):
    """Answer of `LLMClient.embeddings.create`, in the order of the inputs."""

    data: list[Embedding]
    model: str
    usage: Usage
    object: Literal["list"] = "list"


class PredicateAnswer(OpenAIModel):
    """How likely a statement about the input is true.

    :param probability: 0 to 1.
    :param coverage: probability that the model, left free, would have answered yes or no at all;
        None where a server computed the answer and does not tell.
    """

    type: Literal["predicate"] = "predicate"
    name: str | None = None
    probability: float
    coverage: float | None = None


class ChoiceProbability(OpenAIModel):
    """One value of a choice and how likely it is, 0 to 1."""

    value: Annotated[bool | str, Field(union_mode="smart")]
    probability: float


class ChoiceAnswer(OpenAIModel):
    """Which of several values fits the input.

    :param choice: the likeliest value.
    :param confidence: how far its probability is above chance, 0 to 1.
    :param probabilities: of every value, in the question's order; together 1.
    :param coverage: probability that the model, left free, would have written one of the values;
        None where a server computed the answer and does not tell.
    """

    type: Literal["choice"] = "choice"
    name: str | None = None
    choice: Annotated[bool | str, Field(union_mode="smart")]
    confidence: float
    probabilities: list[ChoiceProbability]
    coverage: float | None = None


class ScoreProbability(OpenAIModel):
    """One level of a scale, counted from 0, and how likely it is, 0 to 1."""

    value: int
    label: str
    probability: float


class ScoreAnswer(OpenAIModel):
    """Where the input stands on a scale.

    :param score: the expected level: 0 is the lowest, the number of levels less 1 the highest.
    :param confidence: how close to the likeliest level the probability lies, 0 to 1.
    :param probabilities: of every level, from the lowest; together 1.
    :param coverage: probability that the model, left free, would have written one of the levels;
        None where a server computed the answer and does not tell.
    """

    type: Literal["score"] = "score"
    name: str | None = None
    score: float
    confidence: float
    probabilities: list[ScoreProbability]
    coverage: float | None = None


DecisionAnswer = Annotated[
    PredicateAnswer | ChoiceAnswer | ScoreAnswer, Field(discriminator="type")
]


class InputTokensDetails(OpenAIModel):
    """What the input's tokens were."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0


class DecisionUsage(OpenAIModel):
    """Token counts of a decision; nothing is generated."""

    input_tokens: int
    output_tokens: int = 0
    total_tokens: int
    input_tokens_details: InputTokensDetails | None = None


class DecisionResponse(OpenAIModel):
    """Answer of `LLMClient.decisions.create`.

    :param answers: one a question, in their order.
    :param model: the model that answered.
    """

    answers: list[DecisionAnswer]
    model: str
    usage: DecisionUsage


__all__ = [
    "Choice",
    "ChoiceAnswer",
    "ChoiceProbability",
    "CompletionResponse",
    "DecisionAnswer",
    "DecisionResponse",
    "DecisionUsage",
    "Embedding",
    "EmbeddingsResponse",
    "InputTokensDetails",
    "Message",
    "PredicateAnswer",
    "ScoreAnswer",
    "ScoreProbability",
    "Usage",
]
