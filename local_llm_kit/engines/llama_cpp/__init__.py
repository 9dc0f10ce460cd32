"""The llama.cpp engine: continuous batching over llama-cpp-python's low-level binding.

Nothing outside this folder imports `llama_cpp`, and this folder only when an engine is made.
"""

from __future__ import annotations

from local_llm_kit.engines.llama_cpp.engine import LlamaCppEngine
from local_llm_kit.engines.llama_cpp.options import LlamaCppOptions

__all__ = ["LlamaCppEngine", "LlamaCppOptions"]
