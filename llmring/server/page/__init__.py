"""The usage page at `/`: a fixed set of files that a browser may ask for without a key."""

from __future__ import annotations

from llmring.server.page.routes import open_paths, routes

__all__ = ["open_paths", "routes"]
