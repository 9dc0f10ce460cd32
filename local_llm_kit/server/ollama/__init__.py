"""Ollama's API: chats, texts and embeddings, and which models there are and are loaded."""

from __future__ import annotations

from local_llm_kit.server.ollama.routes import routes

__all__ = ["routes"]
