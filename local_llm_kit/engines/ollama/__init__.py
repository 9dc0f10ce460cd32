"""The back end that is an Ollama server: its API in, the answers and events of all back ends out.

`wire` is the only door to the package ``ollama`` and to httpx, on which that stands.
"""

from __future__ import annotations

from local_llm_kit.engines.ollama.model import OllamaModel
from local_llm_kit.engines.ollama.options import OllamaOptions

__all__ = ["OllamaModel", "OllamaOptions"]
