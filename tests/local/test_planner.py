"""Plans, of shapes that need no file."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from LLM.exceptions import LLMConfigError
from local_llm_kit.devices import Device
from local_llm_kit.memory_plan import MemoryPlan
from local_llm_kit.model_memory import Companion, ModelMemory
from local_llm_kit.model_shape import Layer, ModelShape
from local_llm_kit.planner import CELL_STEP, GPU_RESERVE_BYTES, MIN_WINDOW, PlanOptions, plan
from local_llm_kit.torch_memory import TorchMemory

MIB = 1 << 20

#: About Qwen2.5-0.5B in q4_0.
SHAPE = ModelShape(
    architecture="qwen2",
    n_ctx_train=32768,
    n_vocab=151936,
    n_merges=0,
    n_embd=896,
    n_heads=14,
    query_width=896,
    n_ff=4864,
    n_ff_expert=0,
    n_used_experts=0,
    layers=(Layer(8 * MIB, 128, 128),) * 24,
    embedding_bytes=138 * MIB,
    head_bytes=0,
    other_bytes=3584,
)
MEMORY = ModelMemory(SHAPE)


def planned(
    budget_mib: int | None = None, memory: ModelMemory = MEMORY, **options: Any
) -> MemoryPlan:
    budget = None if budget_mib is None else budget_mib * MIB
    return plan("half", memory, PlanOptions(budget_bytes=budget, **options))


def gpu(free_mib: int) -> ModelMemory:
    free = free_mib * MIB + GPU_RESERVE_BYTES
    return replace(MEMORY, gpus=(Device("CUDA0", 2 * free, free),), flash_attention=True)


def test_without_a_budget_every_slot_has_a_window() -> None:
    found = planned()
    assert (found.context_length, found.n_cells, found.n_batch) == (8192, 8 * 8192, 512)
    assert found.parts["weights"] == SHAPE.weight_bytes
    assert found.parts["cache"] == found.n_cells * 24 * 256 * 2


def test_the_cache_is_bounded_by_its_own_budget() -> None:
    assert planned(cache_bytes=200 * MIB).parts["cache"] <= 200 * MIB
    with pytest.raises(LLMConfigError, match=r"cache_bytes is 10,485,760.*window of 8192 tokens"):
        planned(cache_bytes=10 * MIB)


@pytest.mark.parametrize("budget", range(480, 3200, 97))
def test_a_plan_keeps_to_its_budget(budget: int) -> None:
    found = planned(budget)
    assert found.total_bytes <= budget * MIB
    assert found.context_length <= found.n_cells
    assert sum(found.device_bytes.values()) == found.total_bytes


def test_more_memory_never_gives_less() -> None:
    found = [planned(budget) for budget in range(480, 3200, 97)]
    cells = [one.n_cells for one in found]
    windows = [one.context_length for one in found]
    assert cells == sorted(cells)
    assert windows == sorted(windows)


def test_the_batch_goes_first_then_the_cache_then_the_window() -> None:
    by_batch, by_cache, by_window = planned(2300), planned(700), planned(500)
    assert (by_batch.n_batch, by_batch.n_cells) == (256, 65536)
    assert (by_cache.context_length, by_cache.n_cells < 65536) == (8192, True)
    assert MIN_WINDOW <= by_window.context_length < 8192
    assert "window lowered from 8,192" in repr(by_window)


def test_the_batch_is_as_large_as_what_was_chosen_allows() -> None:
    found = planned(700)
    larger = planned(None, n_slots=1, context_length=found.context_length)
    assert found.n_batch < larger.n_batch


def test_a_window_that_was_asked_for_is_never_lowered() -> None:
    with pytest.raises(LLMConfigError, match=r"choose a context_length of at most \d") as caught:
        planned(700, context_length=32768)
    text = str(caught.value).partition("at most ")[2].partition(" ")[0]
    most = int(text.replace(",", "").rstrip("."))
    assert planned(700, context_length=most).context_length == most
    with pytest.raises(LLMConfigError):
        planned(700, context_length=most + CELL_STEP)


def test_what_cannot_fit_is_told_with_what_it_needs() -> None:
    message = r"'half' needs \d.*weights 330\.0 MiB.*memory_budget is 200\.0 MiB; raise it"
    with pytest.raises(LLMConfigError, match=message) as caught:
        planned(200)
    assert caught.value.code == "memory_budget"


def test_a_quantised_cache_holds_more() -> None:
    plain, small = planned(700), planned(700, replace(MEMORY, kv_bytes=34 / 32))
    assert small.n_cells > plain.n_cells


def test_a_companion_is_counted() -> None:
    draft = replace(SHAPE, layers=SHAPE.layers[:2], embedding_bytes=0)
    beside = (Companion("draft", draft), Companion("adapters", size_bytes=5 * MIB))
    found = planned(memory=replace(MEMORY, companions=beside))
    assert found.parts["adapters"] == 5 * MIB
    assert found.parts["draft"] > draft.weight_bytes + 65536 * 2 * 256 * 2
    assert found.total_bytes == planned().total_bytes + found.parts["draft"] + 5 * MIB


def test_all_layers_go_to_a_gpu_with_room_and_tied_weights_are_there_twice() -> None:
    found = planned(memory=gpu(8000))
    assert (found.n_gpu_layers, found.n_cells) == (25, 65536)
    assert found.parts["weights"] == SHAPE.weight_bytes + SHAPE.embedding_bytes
    assert found.device_bytes["CUDA0"] > 768 * MIB


@pytest.mark.parametrize("free", [0, 60, 200, 300, 400, 500, 1000, 8000])
def test_a_gpu_is_never_overfilled(free: int) -> None:
    found = planned(memory=gpu(free))
    assert found.device_bytes["CUDA0"] <= free * MIB
    assert sum(found.device_bytes.values()) == found.total_bytes


def test_the_less_a_gpu_has_the_fewer_layers_it_gets() -> None:
    layers = [planned(memory=gpu(free)).n_gpu_layers for free in (0, 250, 350, 8000)]
    assert layers == sorted(layers)
    assert layers[0] == 0
    assert 0 < layers[1] < layers[2] < 25


def test_layers_that_were_asked_for_are_held_or_refused() -> None:
    assert planned(memory=gpu(400), n_gpu_layers=3).n_gpu_layers == 3
    assert planned(memory=gpu(400), n_gpu_layers=0).device_bytes["CUDA0"] == 0
    with pytest.raises(LLMConfigError, match=r"on GPUs, where 60\.0 MiB are to be had"):
        planned(memory=gpu(60), n_gpu_layers=-1)


def test_several_gpus_share_by_what_they_have_free() -> None:
    gpus = (Device("CUDA0", 8 << 30, 6 << 30), Device("CUDA1", 8 << 30, 2 << 30))
    found = planned(memory=replace(MEMORY, gpus=gpus)).device_bytes
    assert found["CUDA0"] == pytest.approx(3 * found["CUDA1"], rel=0.01)


def test_what_is_not_modelled_is_an_estimate_and_has_no_budget() -> None:
    memory = replace(MEMORY, shape=replace(SHAPE, unmodelled=("a recurrent state (Mamba)",)))
    assert planned(memory=memory).is_estimate
    assert "an estimate: a recurrent state (Mamba)" in repr(planned(memory=memory))
    with pytest.raises(LLMConfigError, match=r"Mamba\), which is not modelled"):
        planned(2000, memory)


def test_torch_has_one_batch_and_an_estimate() -> None:
    memory = TorchMemory(SHAPE, bytes_per_number=4, n_sequences=8)
    found = plan("half", memory, PlanOptions(budget_bytes=900 * MIB))
    assert found.total_bytes <= 900 * MIB
    assert (found.n_batch, found.is_estimate) == (512, True)


def test_a_file_of_very_many_layers_is_planned_in_no_time() -> None:
    shape = replace(SHAPE, layers=(Layer(MIB, 64, 64),) * 4096)
    memory = replace(gpu(900), shape=shape)
    start = time.process_time()
    assert 0 < planned(memory=memory).n_gpu_layers < 4097
    assert time.process_time() - start < 5
