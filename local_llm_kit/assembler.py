"""Adds up the chunks of a local call."""

from __future__ import annotations

from LLM.assembly import ChatAssembler
from LLM.types import Usage
from local_llm_kit.checked import Counted
from local_llm_kit.types import CompletionResponse


class LocalAssembler(ChatAssembler):
    """Gives this package's response, with the token counts even where no chunk has them."""

    def __init__(self, answer: Counted) -> None:
        super().__init__()
        self._answer = answer

    def response(self) -> CompletionResponse | None:
        """The answer as far as it has arrived; None when nothing has."""
        response = super().response()
        if response is None:
            return None
        if response.usage is None and self._answer.done:
            response.usage = Usage.model_validate(self._answer.usage())
        return CompletionResponse.model_construct(response.model_fields_set, **dict(response))
