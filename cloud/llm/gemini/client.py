"""The blocking client of Google's Gemini."""

from __future__ import annotations

from cloud.llm.client import ChatClient
from cloud.llm.gemini.provider import Gemini


class GeminiClient(Gemini, ChatClient):
    """A blocking client of Google's Gemini.

    ``/v1beta`` is added to a `base_url` whose path names no version.
    """
