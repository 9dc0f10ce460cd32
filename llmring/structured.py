"""Structured output: what is asked of the provider, and the value made of its answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from cloud.llm.types import ChatResponse
from llmring.schemas import LLMRequest


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """The form that an answer is to have.

    :param asked: what the provider is asked for, as `cloud.llm` takes it.
    """

    asked: Any

    def parsed(self, response: ChatResponse) -> Any:
        """The value of an answer; None where it has none (a refusal, a tool call).

        :raises LLMError: the answer must fit, and does not.
        """
        try:
            return from_json(response.content)
        except ValueError:
            return None


def answer_format(request: LLMRequest) -> AnswerFormat | None:
    """The form that a request asks for; None for any text.

    :raises ValidationError: it cannot be asked for.
    """
    asked = request.response_format
    if asked is None and request.json_response:
        asked = {"type": "json_object"}
    if asked is None or (isinstance(asked, dict) and asked.get("type") == "text"):
        return None
    return AnswerFormat(asked)
