"""Which models the fused decoder computes, and their sizes: read from a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from local_llm_kit.engines.transformers.decoder import Dimensions
from local_llm_kit.engines.transformers.rope import Rope

#: model_type to architecture: another head on the same type is another network.
_ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}


def trained_window(config: Any) -> int:
    """Longest text in tokens that every row can be computed for alike.

    Models with ``longrope`` turn all keys otherwise once a text passes the length that they were
    first trained for. Keys that are cached, and texts of several lengths in one batch, would not
    follow, so the window ends there.
    """
    longest = int(config.max_position_embeddings)
    for parameters in _rope_parameters(config):
        if parameters.get("rope_type") == "longrope":
            original = parameters.get("original_max_position_embeddings") or getattr(
                config, "original_max_position_embeddings", None
            )
            longest = min(longest, int(original or longest))
    return longest


def _rope_parameters(config: Any) -> Iterator[dict[str, Any]]:
    """The settings of each kind of layer; most models have one kind."""
    parameters = getattr(config, "rope_parameters", None) or {}
    if "rope_type" in parameters:
        yield parameters
    else:
        yield from (value for value in parameters.values() if isinstance(value, dict))


def fused_dimensions(config: Any, window: int) -> Dimensions | None:
    """Sizes for the fused decoder; None when the model needs transformers' own modules.

    :param window: most tokens of a text; layers that look back as far are plain ones.
    """
    if _ARCHITECTURES.get(config.model_type) not in (config.architectures or ()):
        return None
    if config.hidden_act != "silu" or not _looks_at_all(config, window):
        return None
    rope = config.rope_parameters or {}
    if "rope_type" not in rope or rope.get("partial_rotary_factor", 1.0) != 1.0:
        return None
    if not _divides(config):
        return None
    attention_bias = bool(getattr(config, "attention_bias", False))
    is_qwen2 = config.model_type == "qwen2"
    return Dimensions(
        n_layers=config.num_hidden_layers,
        n_heads=config.num_attention_heads,
        n_kv_heads=config.num_key_value_heads,
        head_width=_head_width(config),
        hidden=config.hidden_size,
        inner=config.intermediate_size,
        n_vocab=config.vocab_size,
        eps=config.rms_norm_eps,
        qkv_bias=is_qwen2 or attention_bias,
        out_bias=attention_bias and not is_qwen2,
        mlp_bias=bool(getattr(config, "mlp_bias", False)),
        qk_norm=config.model_type == "qwen3",
        tied=bool(config.tie_word_embeddings),
    )


def _divides(config: Any) -> bool:
    """Whether heads share keys and values evenly, and their coordinates form pairs."""
    n_heads, n_kv = config.num_attention_heads, config.num_key_value_heads
    return n_heads > 0 and n_kv > 0 and n_heads % n_kv == 0 and _head_width(config) % 2 == 0


def _head_width(config: Any) -> int:
    given = getattr(config, "head_dim", None)
    return int(given or config.hidden_size // config.num_attention_heads)


def _looks_at_all(config: Any, window: int) -> bool:
    sliding = getattr(config, "sliding_window", None)
    if sliding is None or sliding >= window:
        return True
    kinds = getattr(config, "layer_types", None)
    return kinds is not None and set(kinds) == {"full_attention"}


def make_rope(config: Any, device: Any) -> Rope:
    """The positions of a model that `fused_dimensions` takes."""
    parameters = config.rope_parameters
    kind = parameters["rope_type"]
    if kind == "default":
        width = _head_width(config)
        powers = torch.arange(0, width, 2, dtype=torch.float32) / width
        frequencies, scale = 1.0 / parameters["rope_theta"] ** powers, 1.0
    else:
        frequencies, scale = ROPE_INIT_FUNCTIONS[kind](config, "cpu")
    return Rope(frequencies.to(device), float(scale))
