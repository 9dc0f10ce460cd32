"""What a model's memory depends on, read from its file's header and not from its weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from local_llm_kit.checkpoint import Checkpoint
from local_llm_kit.gguf import Header
from local_llm_kit.gguf_model import MAX_BLOCKS

#: Tensors of memories that do not grow with the text, or that are laid out in ways of their own.
_UNMODELLED = (
    (re.compile(r"\bssm_|\.ssm\b|\.mamba\."), "a recurrent state (Mamba)"),
    (re.compile(r"\btime_mix_|\.time_mix\."), "a recurrent state (RWKV)"),
    (re.compile(r"\bshortconv\b|\.conv\.conv\."), "short convolutions"),
    (re.compile(r"\.linear_attn\."), "linear attention"),
    (re.compile(r"\battn_kv_a_mqa\b|\.kv_a_proj_with_mqa\b"), "a compressed cache (MLA)"),
    (re.compile(r"^enc\.blk\.|^encoder\."), "an encoder"),
)
_GGUF_BLOCK = re.compile(r"blk\.(\d+)\.")
_TORCH_BLOCK = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
_DENSE = re.compile(r"\bffn_up\.|\.mlp\.(?:up_proj|gate_up_proj|fc1|c_fc|dense_h_to_4h)\.")
_HEAD = re.compile(r"^(?:output|lm_head)\.")
_EMBEDDING = re.compile(r"^token_embd\.|(?:^|\.)(?:embed_tokens|wte)\.")


@dataclass(frozen=True, slots=True)
class Layer:
    """One block of a model.

    :param weight_bytes: its weights.
    :param key_width: numbers of keys that a token leaves in the cache; 0 where it leaves none.
    :param value_width: numbers of values.
    """

    weight_bytes: int
    key_width: int
    value_width: int


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Sizes of a model.

    :param architecture: ``llama``, ``qwen2`` and so on, as the file spells it.
    :param n_ctx_train: window that it was trained with, in tokens.
    :param n_vocab: tokens of its vocabulary.
    :param n_merges: merges of its tokenizer, 0 where it has none or they are not told.
    :param n_embd: numbers of a hidden state.
    :param n_heads: query heads, the most of any layer.
    :param query_width: numbers of all query heads of a layer together.
    :param n_ff: numbers of the widest feed-forward layer; 0 where experts do its work.
    :param n_ff_expert: numbers of one expert's layer; 0 without experts.
    :param n_used_experts: experts that a token passes through.
    :param layers: the blocks, in order.
    :param embedding_bytes: weights that turn tokens into hidden states.
    :param head_bytes: weights that turn hidden states into logits; 0 where the embedding's do.
    :param other_bytes: norms and what else belongs to no block.
    :param unmodelled: what of its memory is not modelled, in words.
    """

    architecture: str
    n_ctx_train: int
    n_vocab: int
    n_merges: int
    n_embd: int
    n_heads: int
    query_width: int
    n_ff: int
    n_ff_expert: int
    n_used_experts: int
    layers: tuple[Layer, ...]
    embedding_bytes: int
    head_bytes: int
    other_bytes: int
    unmodelled: tuple[str, ...] = ()

    @property
    def weight_bytes(self) -> int:
        """All weights, once each."""
        blocks = sum(layer.weight_bytes for layer in self.layers)
        return blocks + self.embedding_bytes + self.head_bytes + self.other_bytes

    def cell_bytes(self, bytes_per_number: float) -> int:
        """Bytes of cache that one token takes, all layers together.

        :param bytes_per_number: of the cache's type, 2 for f16.
        """
        width = sum(layer.key_width + layer.value_width for layer in self.layers)
        return round(width * bytes_per_number)


def shape_of_gguf(header: Header) -> ModelShape:
    """The shape of a GGUF model.

    :param header: a checked one, of all parts.
    """
    sizes = {name: tensor.size_bytes for name, tensor in header.tensors.items()}
    blocks, rest = _by_block(sizes, _GGUF_BLOCK)
    embedding, head, other = _ends(rest)
    n_embd, n_layers = _number(header, "embedding_length"), _number(header, "block_count")
    heads = header.per_block("attention.head_count") or (1,)
    kv_heads = header.per_block("attention.head_count_kv") or heads
    head_width = n_embd // max(*heads, 1)
    key_length = _number(header, "attention.key_length", head_width)
    value_length = _number(header, "attention.value_length", head_width)
    layers = tuple(
        Layer(blocks.get(i, 0), key_length * n_kv, value_length * n_kv)
        for i, n_kv in enumerate(_of_blocks(kv_heads, n_layers))
    )
    return ModelShape(
        architecture=header.architecture,
        n_ctx_train=_number(header, "context_length", 0),
        n_vocab=header.lengths["tokenizer.ggml.tokens"],
        n_merges=header.lengths.get("tokenizer.ggml.merges", 0),
        n_embd=n_embd,
        n_heads=max(heads),
        query_width=max(heads) * key_length,
        n_ff=max(header.per_block("feed_forward_length") or (0,)) if _has_dense(sizes) else 0,
        n_ff_expert=_number(header, "expert_feed_forward_length", 0),
        n_used_experts=max(header.per_block("expert_used_count") or (0,)),
        layers=layers,
        embedding_bytes=embedding,
        head_bytes=head,
        other_bytes=other,
        unmodelled=_unmodelled(sizes),
    )


def _number(header: Header, key: str, default: int = 0) -> int:
    """A whole number of the architecture."""
    value = header.values.get(f"{header.architecture}.{key}", default)
    return value if isinstance(value, int) else default


def shape_of_checkpoint(
    checkpoint: Checkpoint, bytes_per_weight: float | None = None
) -> ModelShape:
    """The shape of a folder of safetensors.

    :param bytes_per_weight: of the type that the weights are converted to; None leaves them as the
        files have them.
    """
    sizes = {
        name: tensor.size_bytes
        if bytes_per_weight is None
        else round(prod(tensor.shape) * bytes_per_weight)
        for name, tensor in checkpoint.tensors.items()
    }
    config = _text_config(checkpoint.config)
    blocks, rest = _by_block(sizes, _TORCH_BLOCK)
    embedding, head, other = _ends(rest)
    n_embd, n_heads = _config(config, "hidden_size"), _config(config, "num_attention_heads", 1)
    n_kv_heads = _config(config, "num_key_value_heads", n_heads)
    width = _config(config, "head_dim", n_embd // max(n_heads, 1)) * n_kv_heads
    n_layers = _config(config, "num_hidden_layers", len(blocks), most=MAX_BLOCKS)
    return ModelShape(
        architecture=str(config.get("model_type", "unknown")),
        n_ctx_train=_config(config, "max_position_embeddings"),
        n_vocab=_config(config, "vocab_size"),
        n_merges=0,
        n_embd=n_embd,
        n_heads=n_heads,
        query_width=n_heads * width // max(n_kv_heads, 1),
        n_ff=_config(config, "intermediate_size") if _has_dense(sizes) else 0,
        n_ff_expert=_config(config, "moe_intermediate_size"),
        n_used_experts=_config(config, "num_experts_per_tok"),
        layers=tuple(Layer(blocks.get(i, 0), width, width) for i in range(n_layers)),
        embedding_bytes=embedding,
        head_bytes=head,
        other_bytes=other,
        unmodelled=_unmodelled(sizes),
    )


def _text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of the language model, in a folder that holds more than one model."""
    inner = config.get("text_config")
    return inner if isinstance(inner, dict) else config


def _config(
    config: Mapping[str, Any], key: str, default: int = 0, most: int = (1 << 31) - 1
) -> int:
    """A whole number from 0 to `most`; what is none counts as left out."""
    value = config.get(key)
    return value if isinstance(value, int) and 0 <= value <= most else default


def _of_blocks(values: tuple[int, ...], n_layers: int) -> tuple[int, ...]:
    """One value a block: files may tell a single one for all."""
    return values if len(values) == n_layers else (values[0],) * n_layers


def _by_block(
    sizes: Mapping[str, int], pattern: re.Pattern[str]
) -> tuple[dict[int, int], dict[str, int]]:
    """Bytes of each block, and the tensors that belong to none."""
    blocks: dict[int, int] = {}
    rest: dict[str, int] = {}
    for name, size in sizes.items():
        if match := pattern.search(name):
            blocks[int(match[1])] = blocks.get(int(match[1]), 0) + size
        else:
            rest[name] = size
    return blocks, rest


def _ends(rest: Mapping[str, int]) -> tuple[int, int, int]:
    """Bytes of the embedding, of the head, and of what else is in no block."""
    embedding = sum(size for name, size in rest.items() if _EMBEDDING.search(name))
    head = sum(size for name, size in rest.items() if _HEAD.search(name))
    return embedding, head, sum(rest.values()) - embedding - head


def _has_dense(names: Mapping[str, int]) -> bool:
    """Whether a block has a feed-forward layer that is not its experts'."""
    return any(_DENSE.search(name) for name in names)


def _unmodelled(names: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(
        what for pattern, what in _UNMODELLED if any(pattern.search(name) for name in names)
    )
