"""The blocking client of OpenAI and of every server that speaks its language."""

from __future__ import annotations

from cloud.llm.client import ChatClient
from cloud.llm.openai_compat.provider import OpenAICompat


class OpenAICompatClient(OpenAICompat, ChatClient):
    """A blocking client of OpenAI, Groq, Azure, or any server that speaks OpenAI's language.

    ``/v1`` is added to a `base_url` whose path names no version.
    """
