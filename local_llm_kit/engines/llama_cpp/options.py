"""How a GGUF model is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from LLM.exceptions import LLMConfigError
from local_llm_kit.engines.defaults import check_guessing, check_whole_numbers
from local_llm_kit.engines.llama_cpp.context import KV_TYPES, PLAIN_TYPES

MAX_SLOTS = 255  # llama.cpp has 256 sequences; one is kept to save states with
_RANGES = {
    "context_length": (16, 1 << 24),
    "n_slots": (1, MAX_SLOTS),
    "max_queue": (0, 1 << 20),
    "n_threads": (1, 1024),
    "n_gpu_layers": (-1, 1 << 16),
    "cache_bytes": (1, 1 << 50),
    "n_cells": (16, 1 << 30),
    "n_batch": (16, 4096),
}


@dataclass(frozen=True, slots=True)
class LlamaCppOptions:
    """How a model is run.

    :param context_length: window of a request in tokens, prompt and output together; None takes
        the model's own, at most 8,192.
    :param n_slots: sequences that run at once, 1 to 255.
    :param max_queue: requests that may wait beyond those, at least 0.
    :param n_threads: None takes one for small models, else one a core.
    :param n_gpu_layers: layers held on a GPU; None leaves it to llama.cpp, -1 means all.
    :param cache_bytes: None lets the cache take up to 1 GiB, or what one full window needs.
    :param n_cells: tokens that the cache holds, as a memory plan says; None takes what
        `cache_bytes` allows.
    :param n_batch: rows of the largest batch, raised to one a slot; fewer take less memory and read
        prompts slower.
    :param mmap: map the model's file: loads faster, and processes share what they read. Without it
        weights that llama.cpp lays out anew for this CPU (q4_0, for example) are in memory once,
        and not beside the file's pages.
    :param kv_type: type of the cache's numbers: f16, q8_0, q4_0 and so on. What is smaller holds
        more tokens, and costs accuracy; a quantised one needs flash attention.
    :param flash_attention: attention that skips what a sequence does not see. None takes it on a
        GPU, where `kv_type` needs it, and for several slots: eight callers of a 0.9M model got
        4,460 tokens a second with it and 3,200 without. For one slot it is left out: a lone text
        of 1,500 tokens takes 1.4 times as long with it.
    :param adapters: GGUF files of LoRA adapters by the names that requests give.
    :param speculation: ``prompt_lookup`` guesses that what stood in the prompt comes again.
    :param draft_path: GGUF file of a smaller model with the same vocabulary that guesses ahead.
    :param on_load: told the share of the weights that was read, 0 to 1; says whether to go on. What
        it raises ends the loading too.
    """

    context_length: int | None = None
    n_slots: int = 8
    max_queue: int = 256
    n_threads: int | None = None
    n_gpu_layers: int | None = None
    cache_bytes: int | None = None
    n_cells: int | None = None
    n_batch: int = 512
    mmap: bool = True
    kv_type: str = "f16"
    flash_attention: bool | None = None
    adapters: Mapping[str, str] = field(default_factory=dict)
    speculation: str | None = None
    draft_path: str | None = None
    on_load: Callable[[float], bool] | None = None

    @property
    def prefers_flash_attention(self) -> bool:
        """Whether flash attention is worth it on a CPU, unless it was chosen."""
        if self.flash_attention is not None:
            return self.flash_attention
        return self.n_slots > 1 or self.kv_type not in PLAIN_TYPES

    def __post_init__(self) -> None:
        check_whole_numbers(self, _RANGES)
        check_guessing(self.speculation, self.draft_path)
        if self.kv_type not in KV_TYPES:
            raise LLMConfigError(f"kv_type is {self.kv_type!r}; choose of {', '.join(KV_TYPES)}")
