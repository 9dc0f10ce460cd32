"""The OpenAI API over a model of this process, on starlette and uvicorn.

`serve` blocks until it is told to stop; `LocalServer` is the same for a thread of your own.
"""

from __future__ import annotations

from local_llm_kit.server.options import ServerOptions
from local_llm_kit.server.run import LocalServer, serve

__all__ = ["LocalServer", "ServerOptions", "serve"]
