"""The torch runner gives transformers' own logits, however rows are mixed, for many families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from LLM import InvalidRequestError, LLMServerError
from local_llm_kit.engines.compute import Interrupted, OutOfCache
from local_llm_kit.engines.transformers.decoder import FusedDecoder
from tests.local.torch_models import TINY, Bench, make_model, random_text

pytestmark = pytest.mark.slow

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 64,
}
FUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {"attention_bias": True, "mlp_bias": True}),
    "llama3 rope": ("Llama", {"rope_parameters": LLAMA3}),
    "mistral": ("Mistral", {"sliding_window": None}),
    "qwen2": ("Qwen2", {}),
    "qwen2 yarn, tied": ("Qwen2", {"rope_parameters": YARN, "tie_word_embeddings": True}),
    "qwen3": ("Qwen3", {"head_dim": 32}),
}
GENERAL: dict[str, tuple[str, dict[str, Any]]] = {
    "mistral, sliding": ("Mistral", {"sliding_window": 7}),
    "gemma2": ("Gemma2", {"head_dim": 16, "sliding_window": 7, "query_pre_attn_scalar": 16}),
    "gemma3": ("Gemma3Text", {"head_dim": 16, "sliding_window": 7}),
    "phi": ("Phi", {}),
    "phi3": ("Phi3", {}),
    "gpt2": ("GPT2", {"n_positions": 256}),
    "mixtral": ("Mixtral", {"num_local_experts": 4}),
    "gpt-oss": ("GptOss", {"head_dim": 16, "num_local_experts": 4, "sliding_window": 7}),
}


@pytest.fixture(scope="module")
def tiny() -> Bench:
    return Bench(TINY)


@pytest.fixture(params=[*FUSED, *GENERAL])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    family, settings = (FUSED | GENERAL)[request.param]
    return Bench(make_model(tmp_path, family, **settings))


def near(found: Any, wanted: Any) -> bool:
    return bool(np.abs(found - wanted).max() <= 1e-4 * max(1.0, float(np.abs(wanted).max())))


def test_a_text_gets_the_logits_of_transformers(tiny: Bench) -> None:
    text = random_text(1, 300)
    assert near(tiny.compute((0, 0, text)), tiny.reference(text))
    tiny.runner.clear()


def test_texts_in_mixed_pieces_get_the_logits_of_each_alone(bench: Bench) -> None:
    texts = [random_text(seed, n) for seed, n in ((1, 40), (2, 23), (3, 31))]
    bench.compute((0, 0, texts[0][:20]), (2, 0, texts[2][:5]))
    bench.compute((2, 5, texts[2][5:30]), (1, 0, texts[1][:22]), (0, 20, texts[0][20:39]))
    found = bench.compute((1, 22, texts[1][22:]), (0, 39, texts[0][39:]), (2, 30, texts[2][30:]))
    wanted = [bench.reference(texts[i])[-1] for i in (1, 0, 2)]
    assert near(found, np.stack(wanted))


@pytest.mark.parametrize("family", FUSED)
def test_the_llama_family_is_fused(family: str, tmp_path: Path) -> None:
    name, settings = FUSED[family]
    bench = Bench(make_model(tmp_path, name, **settings))
    assert isinstance(bench.built.network, FusedDecoder)


def test_only_wanted_rows_are_told_in_the_order_of_the_batch(tiny: Bench) -> None:
    tiny.runner.clear()
    everything = tiny.compute((3, 0, [5, 6, 7]), (1, 0, [8, 9]))
    tiny.runner.clear()
    batch = tiny.runner.batch
    batch.write(batch.write(0, [5, 6, 7], 0, 3), [8, 9], 0, 1)
    batch.wanted[[1, 4]] = 1
    tiny.runner.decode(0, 5)
    assert near(tiny.runner.logits(2), everything[[1, 4]])
    tokens, values = tiny.runner.likeliest(2)
    assert tokens == everything[[1, 4]].argmax(axis=1).tolist()
    assert values == pytest.approx(everything[[1, 4]].max(axis=1).tolist(), rel=1e-4)


def test_rows_may_begin_anywhere_in_the_batch(tiny: Bench) -> None:
    tiny.runner.clear()
    batch = tiny.runner.batch
    batch.write(100, [5, 6, 7], 0, 0)
    batch.wanted[102] = 1
    tiny.runner.decode(100, 3)
    assert near(tiny.runner.logits(1), tiny.reference([5, 6, 7])[-1:])


def test_a_copied_prefix_goes_on_as_if_it_were_read(tiny: Bench) -> None:
    tiny.runner.clear()
    text = random_text(4, 50)
    tiny.compute((0, 0, text))
    tiny.runner.copy(0, 5, 30)
    other = text[:30] + random_text(5, 10)
    assert near(tiny.compute((5, 30, other[30:])), tiny.reference(other)[30:])
    assert near(tiny.compute((0, 50, [9])), tiny.reference([*text, 9])[-1:])


def test_a_cut_text_goes_on_as_if_it_had_been_shorter(tiny: Bench) -> None:
    tiny.runner.clear()
    text = random_text(6, 60)
    tiny.compute((2, 0, text), (3, 0, text[:10]))
    tiny.runner.forget(2, 25)
    found = tiny.compute((2, 25, [7, 8]), (3, 10, [9, 10]))
    wanted = [tiny.reference([*text[:25], 7, 8])[-2:], tiny.reference([*text[:10], 9, 10])[-2:]]
    assert near(found, np.concatenate(wanted))


def test_a_saved_text_goes_on_in_another_slot(tiny: Bench) -> None:
    tiny.runner.clear()
    text = random_text(7, 40)
    tiny.compute((0, 0, text))
    data = tiny.runner.save(0, 35)
    tiny.runner.restore(4, data, 35)
    assert near(tiny.compute((4, 35, text[35:])), tiny.reference(text)[35:])


@pytest.mark.parametrize("n_bytes", [0, 100], ids=["empty", "wrong size"])
def test_a_state_of_another_size_is_refused(tiny: Bench, n_bytes: int) -> None:
    tiny.runner.clear()
    with pytest.raises(InvalidRequestError, match="bytes for 35 tokens"):
        tiny.runner.restore(4, b"x" * n_bytes, 35)


def test_a_full_cache_keeps_nothing_of_the_batch(tmp_path: Path) -> None:
    cell_bytes = 3 * 2 * 2 * 16 * 4
    bench = Bench(
        make_model(tmp_path, "Llama"), context_length=32, cache_bytes=40 * cell_bytes, n_slots=4
    )
    text = random_text(1, 32)
    bench.compute((0, 0, text))
    with pytest.raises(OutOfCache):
        bench.compute((1, 0, text[:9]))
    bench.runner.forget(0)
    assert near(bench.compute((1, 0, text[:9])), bench.reference(text[:9]))


def test_an_interrupted_batch_ends_early_and_the_next_is_right(tiny: Bench) -> None:
    tiny.runner.clear()
    tiny.runner.interrupt()
    with pytest.raises(Interrupted):
        tiny.compute((0, 0, [5, 6, 7]))
    tiny.runner.clear()
    assert near(tiny.compute((0, 0, [5, 6, 7])), tiny.reference([5, 6, 7]))


def test_the_spare_sequence_is_forgotten_without_a_slot(tiny: Bench) -> None:
    tiny.runner.clear()
    tiny.runner.forget(tiny.runner.n_slots)
    assert near(tiny.compute((0, 0, [5, 6])), tiny.reference([5, 6]))


def test_a_gap_in_a_sequence_is_an_error(tiny: Bench) -> None:
    tiny.runner.clear()
    with pytest.raises(LLMServerError, match="position 4 of a sequence of 0"):
        tiny.compute((0, 4, [5]))
