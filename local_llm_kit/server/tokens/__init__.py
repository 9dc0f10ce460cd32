"""The tokenizer's two routes, in the shape of llama.cpp's server."""

from __future__ import annotations

from local_llm_kit.server.tokens.routes import routes

__all__ = ["routes"]
