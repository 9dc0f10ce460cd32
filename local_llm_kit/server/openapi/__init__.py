"""The server's description of itself: an OpenAPI document at ``/openapi.json``.

Each module here describes the routes of one API by a table; `document` puts them together. Bounds
are the constants that the parsers hold, and a test compares the fields with those that they take.
"""

from __future__ import annotations

from local_llm_kit.server.openapi.document import document
from local_llm_kit.server.openapi.routes import routes

__all__ = ["document", "routes"]
