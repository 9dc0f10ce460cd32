"""Language models in this process, called as OpenAI's client is called.

::

    from local_llm_kit import LLMClient

    with LLMClient("tiny") as client:
        answer = client.chat.completions.create(messages=[{"role": "user", "content": "Hello!"}])
        print(answer.choices[0].message.content)

``local-llm-kit serve`` offers the same model to every client of OpenAI's API.
"""

from __future__ import annotations

from LLM.exceptions import InvalidRequestError, ModelNotFoundError, TokenLimitError
from local_llm_kit.async_client import AsyncLLMClient
from local_llm_kit.client import LLMClient
from local_llm_kit.exceptions import StoreError
from local_llm_kit.types import (
    Choice,
    ChoiceAnswer,
    CompletionResponse,
    DecisionResponse,
    EmbeddingsResponse,
    Message,
    PredicateAnswer,
    ScoreAnswer,
    Usage,
)

__all__ = [
    "AsyncLLMClient",
    "Choice",
    "ChoiceAnswer",
    "CompletionResponse",
    "DecisionResponse",
    "EmbeddingsResponse",
    "InvalidRequestError",
    "LLMClient",
    "Message",
    "ModelNotFoundError",
    "PredicateAnswer",
    "ScoreAnswer",
    "StoreError",
    "TokenLimitError",
    "Usage",
]
