"""MCP servers of llmring: tools of this process, offered to any MCP client.

A name's module is loaded when the name is first used.
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
    from llmring.mcp.server.http import LoopbackServer
    from llmring.mcp.server.offers import Offer, OfferedPrompt, OfferedResource
    from llmring.mcp.server.serving import sdk_server, serve_stdio

# Which module each public name lives in.
_HOMES = {
    "llmring.mcp.server.http": "LoopbackServer",
    "llmring.mcp.server.offers": "Offer OfferedPrompt OfferedResource",
    "llmring.mcp.server.serving": "sdk_server serve_stdio",
}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = [
    "LoopbackServer",
    "Offer",
    "OfferedPrompt",
    "OfferedResource",
    "sdk_server",
    "serve_stdio",
]
