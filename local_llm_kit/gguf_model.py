"""What llama.cpp takes for granted about the numbers of a model, checked in its header."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local_llm_kit.gguf import Header

#: Most blocks of a model.
MAX_BLOCKS = 4096
_MAX_HEADS = 1 << 16
_MAX_EXPERTS = 512
#: Keys of widths, which C multiplies by one another in 32 bits, and the largest that one has.
_WIDTH = re.compile(r".*(?<!context)(?<!temperature)_length(_\w+)?|.*dimension_count\w*|.*head_dim")
_MAX_WIDTH = 1 << 20


def check_model(header: Header) -> None:
    """Check that a header describes a model whose parts fit together.

    :raises ValueError: says what does not.
    """
    architecture = header.values.get("general.architecture")
    if not isinstance(architecture, str) or not re.fullmatch(r"[\w.-]{1,64}", architecture):
        raise ValueError("it names no architecture")
    n_blocks = _required(header, "block_count", MAX_BLOCKS)
    width = _required(header, "embedding_length", _MAX_WIDTH)
    _required(header, "context_length", 1 << 30)
    _check_widths(header)
    _check_heads(header, n_blocks)
    _check_experts(header, n_blocks)
    for key, value in header.values.items():
        if key.endswith("_epsilon") and not (isinstance(value, float) and 0 <= value < 1):
            raise ValueError(f"its {key} is {value!r}")
    _check_blocks(header, n_blocks)
    _check_vocabulary(header, width)


def _check_widths(header: Header) -> None:
    for key, value in (*header.values.items(), *header.lists.items()):
        if not key.startswith(f"{header.architecture}.") or not _WIDTH.fullmatch(key):
            continue
        for item in value if isinstance(value, tuple) else (value,):
            if not isinstance(item, int) or not 0 <= item <= _MAX_WIDTH:
                raise ValueError(f"its {key} is {item!r}")


def _check_heads(header: Header, n_blocks: int) -> None:
    # Recurrent blocks have no heads: such a model says 0, for all blocks or in a list.
    is_recurrent = any(re.match(r"[\w-]+\.(ssm|wkv)\.", key) for key in header.values)
    heads = _numbers(header, "attention.head_count", 0, _MAX_HEADS, n_blocks)
    kv_heads = _numbers(header, "attention.head_count_kv", 0, _MAX_HEADS, n_blocks)
    if (0,) in (heads, kv_heads) and not is_recurrent:
        raise ValueError("it is said to have 0 attention heads")
    n_pairs = max(len(heads), len(kv_heads)) if heads and kv_heads else 0
    for i in range(n_pairs):
        n_heads, n_kv_heads = heads[i % len(heads)], kv_heads[i % len(kv_heads)]
        if n_kv_heads and n_heads % n_kv_heads:
            raise ValueError(f"{n_heads} heads cannot share {n_kv_heads} key-value heads")
        if not n_kv_heads and f"blk.{i}.attn_k.weight" in header.tensors:  # C divides by it
            raise ValueError(f"its block {i} has attention and is said to have no heads")


def _check_experts(header: Header, n_blocks: int) -> None:
    n_experts = _number(header, "expert_count", 0, _MAX_EXPERTS) or 0
    for n_used in _numbers(header, "expert_used_count", 0, _MAX_EXPERTS, n_blocks) or (0,):
        if not min(n_experts, 1) <= n_used <= n_experts:
            raise ValueError(f"it is said to have {n_experts} experts and to use {n_used}")


def _check_blocks(header: Header, n_blocks: int) -> None:
    blocks = {int(m[1]) for name in header.tensors if (m := re.match(r"blk\.(\d{1,9})\.", name))}
    if blocks and (max(blocks) >= n_blocks or len(blocks) < n_blocks):
        raise ValueError(
            f"it is said to have {n_blocks} blocks, and its tensors have {len(blocks)}"
        )


def _check_vocabulary(header: Header, width: int) -> None:
    embedding = header.tensors.get("token_embd.weight")
    n_tokens = header.lengths.get("tokenizer.ggml.tokens")
    if embedding is None or not n_tokens:
        raise ValueError("it has no token embedding or no vocabulary")
    if embedding.dims[0] != width:
        raise ValueError(f"its embedding is {embedding.dims[0]} wide, and {width} are said")
    if len(embedding.dims) < 2 or embedding.dims[1] != n_tokens:
        raise ValueError(f"its embedding has dimensions {embedding.dims} for {n_tokens} tokens")
    for key in ("scores", "token_type"):
        length = header.lengths.get(f"tokenizer.ggml.{key}", n_tokens)
        if length != n_tokens:
            raise ValueError(f"its {key} are {length} for {n_tokens} tokens")
    for key, value in header.values.items():
        names_token = key.startswith("tokenizer.ggml.") and key.endswith("_token_id")
        if names_token and not (isinstance(value, int) and 0 <= value < n_tokens):
            raise ValueError(f"{key} is {value!r}, and there are {n_tokens} tokens")


def _required(header: Header, key: str, high: int) -> int:
    value = _number(header, key, 1, high)
    if value is None:
        raise ValueError(f"it does not tell its {key}")
    return value


def _number(header: Header, key: str, low: int, high: int) -> int | None:
    """A number of the architecture, when it is there as one number."""
    value = header.values.get(f"{header.architecture}.{key}")
    if value is None:
        return None
    if not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"its {key} is {value!r}")
    return value


def _numbers(header: Header, key: str, low: int, high: int, n_blocks: int) -> tuple[int, ...]:
    """A number of the architecture, or one for each block; none when it is not there."""
    value = _number(header, key, low, high)
    if value is not None:
        return (value,)
    length = header.lengths.get(f"{header.architecture}.{key}")
    if length is None:
        return ()
    values = header.lists.get(f"{header.architecture}.{key}", ())
    if length != n_blocks or len(values) != n_blocks:
        raise ValueError(f"its {key} is a list of {length:,}, and not of one number for each block")
    for item in values:
        if not low <= item <= high:
            raise ValueError(f"its {key} has a {item!r}")
    return values
