"""Bytes of the workspace in which a batch is computed.

llama.cpp lays out, once, a buffer in which the intermediate values of its largest batch fit; values
that are not needed at one time share a place. So its size is that of the largest of three moments:
attention with its scores, the feed-forward layer, and the logits. What each holds was read off the
buffers that llama.cpp 0.5 (llama-cpp-python 0.3.36) reports on a CPU for 18 shapes of the
architectures llama, qwen2, qwen3 and qwen3moe, with 64 to 512 rows, 512 to 32,768 cells, f16 and
q8_0. Against these the formulas are right within 1 % without flash attention (4 % too much once,
where logits and scores are of one size), and from 6 % too little to 24 % too much with it, where
the workspace is small. `tests/local/test_planner_measured.py` measures again.
"""

from __future__ import annotations

from dataclasses import dataclass

from local_llm_kit.model_shape import ModelShape

#: Places, tokens and indices of a row.
_INDEX_BYTES = 20


@dataclass(frozen=True, slots=True)
class Batch:
    """The largest batch that a workspace is for.

    :param n_rows: rows of it.
    :param n_outputs: rows of it that may give logits, at most `n_rows`.
    :param n_sequences: sequences of the cache; llama.cpp plans for as many rows of each.
    :param flash_attention: scores are never laid out whole.
    """

    n_rows: int = 512
    n_outputs: int = 512
    flash_attention: bool = False
    n_sequences: int = 1

    @property
    def n_planned(self) -> int:
        """Rows that llama.cpp plans for."""
        return -(-self.n_rows // self.n_sequences) * self.n_sequences


def llama_workspace(shape: ModelShape, batch: Batch, n_cells: int) -> int:
    """Bytes of llama.cpp's compute buffer.

    :param n_cells: tokens that the cache holds; the scores of a row are as many.
    """
    hidden, query = 4 * shape.n_embd, 4 * shape.query_width
    attention = 2 * query + 3 * hidden
    if batch.flash_attention:
        mask = 2 * n_cells
    else:
        mask = 4 * n_cells
        # Without it values lie across the cache, and each number has an index of its own.
        attention += mask * shape.n_heads + 8 * _widest_values(shape)
    a_row = _INDEX_BYTES + mask + max(attention, _feed_forward(shape))
    logits = batch.n_outputs * (4 * shape.n_vocab + 3 * hidden)
    return max(batch.n_planned * a_row, logits)


def input_bytes(shape: ModelShape, batch: Batch, n_cells: int) -> int:
    """Bytes of a batch before the first layer: what a host holds when all layers are on GPUs.

    Not measured: derived from what the layers take as input.
    """
    mask = (2 if batch.flash_attention else 4) * n_cells
    return batch.n_rows * (_INDEX_BYTES + mask + 4 * shape.n_embd)


def _widest_values(shape: ModelShape) -> int:
    return max((layer.value_width for layer in shape.layers), default=0)


def _feed_forward(shape: ModelShape) -> int:
    """Bytes of a row in the widest feed-forward layer."""
    hidden = 4 * shape.n_embd
    dense = 3 * 4 * shape.n_ff + 4 * hidden if shape.n_ff else 0
    experts = shape.n_used_experts * (2 * 4 * shape.n_ff_expert + 3 * hidden)
    return max(dense, experts)


def output_buffer(shape: ModelShape, n_outputs: int) -> int:
    """Bytes in which logits are kept for the caller.

    :param n_outputs: rows kept; one a sequence until a batch asks for more.
    """
    return 4 * n_outputs * shape.n_vocab


def vocabulary_bytes(shape: ModelShape) -> int:
    """Bytes of the vocabulary: texts, look-up tables and merges, in C and in Python; an estimate.

    Measured on 151,936 tokens: 150 bytes a token in C and about 50 in Python.
    """
    return 200 * shape.n_vocab + 130 * shape.n_merges
