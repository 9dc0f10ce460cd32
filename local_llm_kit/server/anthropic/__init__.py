"""Anthropic's Messages API: requests into OpenAI's fields, and answers back.

Source: https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

from local_llm_kit.server.anthropic.models import is_asked_by_anthropic, model_card, model_page
from local_llm_kit.server.anthropic.routes import routes

__all__ = ["is_asked_by_anthropic", "model_card", "model_page", "routes"]
