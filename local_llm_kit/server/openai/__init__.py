"""OpenAI's API: chat and text completions, models; embeddings and decisions."""

from __future__ import annotations

from local_llm_kit.server.openai.routes import routes

__all__ = ["routes"]
