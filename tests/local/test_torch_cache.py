"""The slot cache of the torch engine: what it holds, what it gives back, how rows form runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from LLM import LLMConfigError
from local_llm_kit.engines.compute import OutOfCache
from local_llm_kit.engines.transformers import cells
from local_llm_kit.engines.transformers.attention import Attending, attend, causal_mask
from local_llm_kit.engines.transformers.cache import LayerShape, SlotCache
from local_llm_kit.engines.transformers.cells import LayerCells
from local_llm_kit.engines.transformers.steps import Part, find_parts, find_runs

CPU = torch.device("cpu")


def make_cache(**settings: Any) -> SlotCache:
    settings = {"n_slots": 4, "window": 64, "n_cells": 256} | settings
    return SlotCache([LayerShape(2, 8)] * 2, dtype=torch.float32, device=CPU, **settings)


def fill(cache: SlotCache, slot: int, n: int, value: float = float("nan")) -> None:
    cache.extend({slot: n})
    for layer in range(len(cache.shapes)):
        cache.layer(layer).cells[slot, :, :n] = value


def test_what_is_forgotten_is_zero_again() -> None:
    cache = make_cache()
    fill(cache, 1, 40)
    cache.forget(1, 10)
    kept = cache.layer(0).cells[1]
    assert kept[:, :10].isnan().all()
    assert not kept[:, 10:].any()
    assert cache.lengths == [0, 10, 0, 0]


@pytest.mark.parametrize("can_give_back", [True, False], ids=["given back", "kept"])
@pytest.mark.parametrize(("start", "end"), [(0, 40000), (3, 39999), (5000, 40000)])
def test_dropping_whole_pages_leaves_every_neighbour_as_it_was(
    start: int, end: int, can_give_back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "_CAN_GIVE_BACK", can_give_back and cells._CAN_GIVE_BACK)
    layer = LayerCells(2, 2, 40000, 8, dtype=torch.float32, device=CPU)
    layer.cells.fill_(1.0)
    layer.drop(0, start, end)
    assert not layer.cells[0, :, start:end].any()
    layer.cells[0, :, start:end] = 1.0
    assert layer.cells.all()


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="counts pages as Linux does")
def test_memory_is_taken_as_cells_are_written_and_given_back() -> None:
    before = resident_bytes()
    layer = LayerCells(8, 4, 1 << 18, 64, dtype=torch.float32, device=CPU)  # 2 GiB of addresses
    assert resident_bytes() - before < 8 << 20
    layer.cells[3, :, :32768] = 1.0  # 32 MiB
    assert resident_bytes() - before > 30 << 20
    layer.drop(3, 0, 32768)
    assert resident_bytes() - before < 8 << 20


def test_a_cache_that_no_address_space_holds_is_a_typed_error() -> None:
    with pytest.raises(LLMConfigError, match="choose a smaller context_length"):
        LayerCells(1024, 1024, 1 << 24, 1024, dtype=torch.float32, device=CPU)


def test_all_slots_share_the_budget() -> None:
    cache = make_cache(n_cells=50)
    cache.extend({0: 30, 1: 20})
    with pytest.raises(OutOfCache):
        cache.extend({0: 31})
    cache.forget(1, 19)
    cache.extend({0: 31})
    assert cache.lengths == [31, 19, 0, 0]


def test_no_text_leaves_its_window() -> None:
    cache = make_cache(window=8)
    with pytest.raises(OutOfCache):
        cache.extend({0: 3, 1: 9})
    assert cache.lengths == [0] * 4


def test_clearing_forgets_every_slot() -> None:
    cache = make_cache()
    fill(cache, 0, 3)
    fill(cache, 3, 64)
    cache.clear()
    assert cache.lengths == [0] * 4
    assert not cache.layer(1).cells.any()


def test_parts_stand_in_order_of_rows_and_slot() -> None:
    sequence = np.array([3, 1, 1, 0, 2, 2], np.int32)
    position = np.array([9, 4, 5, 0, 7, 8], np.int32)
    assert find_parts(sequence, position) == [
        Part(3, 1, 0, 0), Part(0, 1, 3, 9), Part(1, 2, 1, 4), Part(4, 2, 2, 7),
    ]  # fmt: skip


def run_slots(parts: list[Part], numbers: int = 64) -> list[list[int]]:
    return [[part.slot for part in run.parts] for run in find_runs(parts, numbers)]


def test_neighbours_form_one_run() -> None:
    parts = [Part(i, 1, slot, 30 + i) for i, slot in enumerate((0, 1, 2, 4, 5))]
    assert run_slots(parts) == [[0, 1, 2], [4, 5]]
    assert [run.start for run in find_runs(parts, 64)] == [0, 3]
    assert [run.end for run in find_runs(parts, 64)] == [33, 35]


def test_other_row_counts_and_much_longer_texts_have_runs_of_their_own() -> None:
    parts = [Part(0, 1, 0, 9), Part(1, 1, 1, 5000), Part(2, 1, 2, 9), Part(3, 4, 3, 9)]
    assert run_slots(parts) == [[0], [1], [2], [3]]
    assert run_slots(parts, numbers=1) == [[0, 1, 2], [3]]


def attend_slowly(q: Any, k: Any, v: Any, how: Attending) -> Any:
    """One text, one head and one row at a time."""
    n, n_heads, _ = q.shape
    out = torch.zeros(n, n_heads, v.shape[2])
    for row in range(n):
        first = 0 if how.window is None else max(0, row + 1 - how.window)
        for head in range(n_heads):
            kv = head * k.shape[1] // n_heads
            scores = k[first : row + 1, kv] @ q[row, head] * how.scale
            if how.softcap is not None:
                scores = how.softcap * torch.tanh(scores / how.softcap)
            sink = [] if how.sinks is None else [how.sinks[head : head + 1]]
            weights = torch.cat([scores, *sink]).softmax(0)[: len(scores)]
            out[row, head] = weights @ v[first : row + 1, kv]
    return out


@pytest.mark.parametrize(
    "how",
    [
        Attending(0.3),
        Attending(0.3, window=3),
        Attending(0.3, softcap=0.5),
        Attending(0.3, window=4, sinks=torch.tensor([0.5, -1.0, 2.0, 0.0])),
    ],
    ids=["plain", "window", "softcap", "sinks"],
)
def test_attention_is_what_its_formula_says(how: Attending) -> None:
    torch.manual_seed(1)
    q, k, v = torch.randn(9, 4, 8), torch.randn(9, 2, 8), torch.randn(9, 2, 6)
    mask = causal_mask(torch.arange(9)[None], 9, how.window, torch.float32)
    found = attend(*(x.transpose(0, 1)[None] for x in (q, k, v)), mask, how)[0].transpose(0, 1)
    assert torch.allclose(found, attend_slowly(q, k, v, how), atol=1e-5)
