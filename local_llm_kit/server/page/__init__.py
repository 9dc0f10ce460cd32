"""The chat page at `/`: a fixed set of files that a browser may ask for without a key."""

from __future__ import annotations

from local_llm_kit.server.page.routes import open_paths, routes

__all__ = ["open_paths", "routes"]
