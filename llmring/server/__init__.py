"""The self-hosted server of conversations and usage, for many users: an HTTP API over the store.

`wire` says what goes over HTTP, and is all that a client needs. `docs/llmring_server.md` has the
routes. A name's module is loaded when the name is first used.
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
    from llmring.server.options import ServerOptions
    from llmring.server.run import RingServer, serve

# Which module each public name lives in.
_HOMES = {
    "llmring.server.options": "ServerOptions",
    "llmring.server.run": "RingServer serve",
}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = ["RingServer", "ServerOptions", "serve"]
