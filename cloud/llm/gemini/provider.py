"""Gemini as a provider: where it is, and what it is asked by default."""

from __future__ import annotations

from typing import ClassVar

from cloud.llm.base import BaseClient
from cloud.llm.codec import Codec
from cloud.llm.gemini.codec import GeminiCodec


class Gemini(BaseClient):
    """What the blocking and the async client of Gemini have in common."""

    codec_class: ClassVar[type[Codec]] = GeminiCodec
    telemetry_name: ClassVar[str | None] = "gcp.gemini"
    default_base_url = "https://generativelanguage.googleapis.com"
    #: The general model of the examples in google-genai's own documentation (3.4).
    default_model = "gemini-3.8-flash"
    key_variables = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_API_KEY")
    url_variable = "GOOGLE_GEMINI_BASE_URL"  # google-genai's own
