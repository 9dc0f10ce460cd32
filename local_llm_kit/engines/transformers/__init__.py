"""The transformers engine: continuous batching over torch, for folders with safetensors.

Nothing outside this folder imports `torch` or `transformers`, and this folder only when an engine
is made.
"""

from __future__ import annotations

from local_llm_kit.engines.transformers.engine import TransformersEngine
from local_llm_kit.engines.transformers.options import TransformersOptions

__all__ = ["TransformersEngine", "TransformersOptions"]
