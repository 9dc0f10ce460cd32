"""The APIs of OpenAI, Anthropic and Ollama over models of this machine, and a page to chat on.

`serve` blocks until it is told to stop; `LocalServer` is the same for a thread of your own.
"""

from __future__ import annotations

from local_llm_kit.server.options import ServerOptions
from local_llm_kit.server.run import LocalServer, serve

__all__ = ["LocalServer", "ServerOptions", "serve"]
