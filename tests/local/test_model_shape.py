"""Shapes of models, read from headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from local_llm_kit import gguf
from local_llm_kit.checkpoint import check_folder
from local_llm_kit.gguf import Header, Tensor
from local_llm_kit.model_shape import shape_of_checkpoint, shape_of_gguf
from tests.local.support import TINY

VALUES: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.context_length": 512,
    "llama.attention.head_count": 4,
}


def header(values: dict[str, Any], lists: Mapping[str, tuple[int, ...]], *more: str) -> Header:
    """A header with two blocks of 100 bytes, an embedding of 50, and further tensors of 10."""
    sizes = {"token_embd.weight": 50, "blk.0.ffn_up.weight": 100, "blk.1.ffn_up.weight": 100}
    sizes |= dict.fromkeys(more, 10)
    tensors = {name: Tensor(name, (1,), size) for name, size in sizes.items()}
    return Header(VALUES | values, {"tokenizer.ggml.tokens": 9}, lists, tensors)


def test_tiny_is_read_from_its_gguf_header() -> None:
    found = gguf.check(TINY)
    shape = shape_of_gguf(found)
    assert shape.weight_bytes == sum(tensor.size_bytes for tensor in found.tensors.values())
    assert (len(shape.layers), shape.n_ctx_train, shape.n_vocab) == (5, 2048, 1024)
    assert shape.cell_bytes(2.0) == 5 * 2 * 2 * 32 * 2  # layers, K and V, heads, width, f16


def test_tiny_is_the_same_in_safetensors() -> None:
    stored = check_folder(TINY.parent)
    shape, from_gguf = shape_of_checkpoint(stored), shape_of_gguf(gguf.check(TINY))
    assert shape.weight_bytes == stored.size_bytes
    assert shape.cell_bytes(2.0) == from_gguf.cell_bytes(2.0)
    assert (shape.n_ff, shape.query_width) == (from_gguf.n_ff, from_gguf.query_width)


def test_weights_are_counted_in_the_type_they_are_computed_in() -> None:
    stored = check_folder(TINY.parent)
    in_float32 = shape_of_checkpoint(stored, 4).weight_bytes
    assert in_float32 == 2 * shape_of_checkpoint(stored, 2).weight_bytes
    assert in_float32 > stored.size_bytes


def test_a_number_of_layers_that_no_model_has_is_not_laid_out() -> None:
    stored = check_folder(TINY.parent)
    hostile = replace(stored, config={**stored.config, "num_hidden_layers": 2_000_000_000})
    assert shape_of_checkpoint(hostile).layers == shape_of_checkpoint(stored).layers


def test_each_layer_has_its_own_number_of_heads() -> None:
    lists = {"llama.attention.head_count_kv": (2, 0)}
    shape = shape_of_gguf(header({}, lists))
    assert [layer.key_width for layer in shape.layers] == [2 * 16, 0]


def test_keys_and_values_may_differ_in_width() -> None:
    lengths = {"llama.attention.key_length": 24, "llama.attention.value_length": 8}
    layer = shape_of_gguf(header(lengths | {"llama.attention.head_count_kv": 1}, {})).layers[0]
    assert (layer.key_width, layer.value_width) == (24, 8)


def test_a_head_of_its_own_is_told_from_tied_weights() -> None:
    assert shape_of_gguf(header({}, {})).head_bytes == 0
    shape = shape_of_gguf(header({}, {}, "output.weight", "output_norm.weight"))
    assert (shape.embedding_bytes, shape.head_bytes, shape.other_bytes) == (50, 10, 10)


@pytest.mark.parametrize(
    ("tensor", "what"),
    [
        ("blk.0.ssm_in.weight", "Mamba"),
        ("blk.0.time_mix_key.weight", "RWKV"),
        ("blk.0.shortconv.conv.weight", "convolutions"),
        ("blk.0.attn_kv_a_mqa.weight", "MLA"),
        ("enc.blk.0.attn_q.weight", "encoder"),
    ],
)
def test_what_is_not_modelled_is_told(tensor: str, what: str) -> None:
    (found,) = shape_of_gguf(header({}, {}, tensor)).unmodelled
    assert what in found
