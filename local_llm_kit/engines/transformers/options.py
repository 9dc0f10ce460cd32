"""How a model of safetensors is run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from LLM.exceptions import LLMConfigError
from local_llm_kit.engines.defaults import check_guessing, check_whole_numbers

MAX_SLOTS = 1024
DTYPES = ("float32", "bfloat16", "float16")
QUANTIZATIONS = ("int8",)
_RANGES = {
    "context_length": (16, 1 << 24),
    "n_slots": (1, MAX_SLOTS),
    "max_queue": (0, 1 << 20),
    "n_threads": (1, 1024),
    "cache_bytes": (1, 1 << 50),
}


@dataclass(frozen=True, slots=True)
class TransformersOptions:
    """How a model is run.

    :param context_length: window of a request in tokens, prompt and output together; None takes
        the model's own, at most 8,192.
    :param n_slots: sequences that run at once, 1 to 1,024. On a GPU, where a slot takes its memory
        at once, fewer run if the cache has no room for so many windows.
    :param max_queue: requests that may wait beyond those, at least 0.
    :param n_threads: threads on a CPU; None takes one for small models, else one a core.
    :param cache_bytes: None lets the cache take up to 1 GiB, on a GPU half of what the weights
        leave free, or what one full window needs.
    :param device: ``cpu``, ``cuda`` or ``cuda:N``; None takes a GPU if there is one.
    :param dtype: ``float32``, ``bfloat16`` or ``float16``; None takes the checkpoint's, and on a
        CPU without instructions for bfloat16 float32, if the weights then fit half of the memory.
    :param quantization: ``int8`` holds the weights in eight bits; on a CPU, for the Llama family.
    :param adapters: folders of LoRA adapters by the names that requests give; for the Llama family.
    :param speculation: ``prompt_lookup`` guesses that what stood in the prompt comes again.
    :param draft_path: folder of a smaller model with the same vocabulary that guesses ahead.
    :param trust_remote_code: run code that comes with the model.
    """

    context_length: int | None = None
    n_slots: int = 8
    max_queue: int = 256
    n_threads: int | None = None
    cache_bytes: int | None = None
    device: str | None = None
    dtype: str | None = None
    quantization: str | None = None
    adapters: Mapping[str, str | os.PathLike[str]] = field(default_factory=dict)
    speculation: str | None = None
    draft_path: str | None = None
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        check_whole_numbers(self, _RANGES)
        check_guessing(self.speculation, self.draft_path)
        for name, allowed in (("dtype", DTYPES), ("quantization", QUANTIZATIONS)):
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise LLMConfigError(f"{name} is {value!r}; choose of {', '.join(allowed)}")
        if self.quantization and self.dtype not in (None, "bfloat16"):
            raise LLMConfigError(
                f"dtype is {self.dtype!r}, but int8 weights are computed in bfloat16; leave it out"
            )
