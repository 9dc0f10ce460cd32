"""Language models in this process, called as OpenAI's client is called.

::

    from local_llm_kit import LLMClient

    with LLMClient("tiny") as client:
        answer = client.chat.completions.create(messages=[{"role": "user", "content": "Hello!"}])
        print(answer.choices[0].message.content)

``local-llm-kit serve`` offers the same model to every client of OpenAI's API.

A name's module is loaded when the name is first used: the command line shows its help without the
clients, which take pydantic and a quarter of a second with them.
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
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

# Which module each public name lives in.
_HOMES = {
    "LLM.exceptions": "InvalidRequestError ModelNotFoundError TokenLimitError",
    "local_llm_kit.async_client": "AsyncLLMClient",
    "local_llm_kit.client": "LLMClient",
    "local_llm_kit.exceptions": "StoreError",
    "local_llm_kit.types": (
        "Choice ChoiceAnswer CompletionResponse DecisionResponse EmbeddingsResponse Message "
        "PredicateAnswer ScoreAnswer Usage"
    ),
}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

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
