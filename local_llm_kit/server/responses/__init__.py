"""OpenAI's Responses API: conversations of items, kept by the server, told in typed events."""

from __future__ import annotations

from local_llm_kit.server.responses.routes import routes

__all__ = ["routes"]
