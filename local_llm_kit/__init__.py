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
from local_llm_kit.types import Choice, CompletionResponse, Message, Usage

__all__ = [
    "AsyncLLMClient",
    "Choice",
    "CompletionResponse",
    "InvalidRequestError",
    "LLMClient",
    "Message",
    "ModelNotFoundError",
    "TokenLimitError",
    "Usage",
]
