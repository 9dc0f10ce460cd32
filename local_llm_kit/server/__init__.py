"""The APIs of OpenAI, Anthropic and Ollama over models of this machine, and a page to chat on.

`serve` blocks until it is told to stop; `LocalServer` is the same for a thread of your own. A
name's module is loaded when the name is first used: llmring's server takes some of the modules
here, and no engine.
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
    from local_llm_kit.server.options import ServerOptions
    from local_llm_kit.server.run import LocalServer, serve

# Which module each public name lives in.
_HOMES = {
    "local_llm_kit.server.options": "ServerOptions",
    "local_llm_kit.server.run": "LocalServer serve",
}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = ["LocalServer", "ServerOptions", "serve"]
