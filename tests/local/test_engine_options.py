"""What a llama.cpp engine can be loaded with: adapters, cache types, embeddings."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from LLM.exceptions import InvalidRequestError, LLMConfigError
from local_llm_kit.engines.llama_cpp import LlamaCppEngine, LlamaCppOptions
from local_llm_kit.engines.protocol import Finished, GenerationRequest, SamplingParams
from tests.local.support import Collector, chat_prompt, generate, running_engine

pytestmark = pytest.mark.slow

GREEDY = SamplingParams(temperature=0)
HELLO = chat_prompt("Hello!")


def write_adapter(
    path: Path, seed: int, width: int = 128, rank: int = 4, size: float = 1.0
) -> Path:
    """A LoRA of tiny's first output projection, with weights large enough to be heard."""
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    for name, shape in (("lora_a", (rank, width)), ("lora_b", (width, rank))):
        weights = (size * random.standard_normal(shape)).astype(np.float32)
        writer.add_tensor(f"blk.0.attn_output.weight.{name}", weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def ask(engine: LlamaCppEngine, adapter: str | None, question: str = HELLO) -> Collector:
    collector = Collector()
    tokens = engine.tokenize(question, parse_special=True)
    engine.submit(GenerationRequest(tokens, 12, GREEDY, adapter=adapter), collector)
    return collector


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("adapters")
    return {name: str(write_adapter(folder / f"{name}.gguf", seed)) for seed, name in
            enumerate(("red", "blue"))}  # fmt: skip


def test_each_request_has_its_own_adapter(adapters: dict[str, str], tiny_f32: Path) -> None:
    with running_engine(tiny_f32, adapters=adapters) as engine:
        names = [None, "red", "blue"] * 3
        alone = {name: ask(engine, name).wait().text for name in names[:3]}
        assert len(set(alone.values())) == 3
        together = [ask(engine, name) for name in names]
        assert [call.wait().text for call in together] == [alone[name] for name in names]
    with running_engine(tiny_f32) as plain:
        assert ask(plain, None).wait().text == alone[None]


def test_a_prompt_read_with_one_adapter_is_not_shared_with_another(
    adapters: dict[str, str],
) -> None:
    with running_engine(adapters=adapters) as engine:
        ask(engine, "red").wait()
        assert ask(engine, "blue").wait().end.cached_tokens == 0
        assert ask(engine, "red").wait().end.cached_tokens > 0


def test_an_unknown_adapter_is_refused_by_name(adapters: dict[str, str]) -> None:
    with (
        running_engine(adapters=adapters) as engine,
        pytest.raises(InvalidRequestError, match=r"no adapter 'green'.*'blue', 'red'"),
    ):
        ask(engine, "green")


def test_an_adapter_of_another_shape_is_a_clear_error(tmp_path: Path) -> None:
    path = write_adapter(tmp_path / "wide.gguf", 0, width=64)
    with (
        pytest.raises(LLMConfigError, match="cannot load the adapter 'wide'"),
        running_engine(adapters={"wide": str(path)}),
    ):
        raise AssertionError("it was loaded")


@pytest.mark.parametrize("options", [
    {"kv_type": "f32"},
    {"kv_type": "q8_0"},
    {"kv_type": "f16", "flash_attention": True},
], ids=str)  # fmt: skip
def test_other_caches_give_the_same_greeting(
    engine: LlamaCppEngine, options: dict[str, Any]
) -> None:
    expected = generate(engine, HELLO, sampling=GREEDY).wait().text
    with running_engine(**options) as other:
        assert generate(other, HELLO, sampling=GREEDY).wait().text == expected


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"n_slots": 32, "n_batch": 16}, id="fewer rows than slots"),
        pytest.param({"n_slots": 8, "n_cells": 256}, id="more rows than cells"),
    ],
)
def test_a_batch_of_any_size_serves_every_slot(options: dict[str, Any]) -> None:
    with running_engine(context_length=256, **options) as engine:
        prompts = [f"{i} one two three four five six " * 12 for i in range(options["n_slots"])]
        calls = [generate(engine, text, sampling=GREEDY, max_tokens=3) for text in prompts]
        assert {type(call.wait().end) for call in calls} == {Finished}


def test_a_quantised_cache_without_flash_attention_is_refused() -> None:
    with (
        pytest.raises(LLMConfigError, match="needs flash attention"),
        running_engine(kv_type="q8_0", flash_attention=False),
    ):
        raise AssertionError("it was loaded")


@pytest.mark.parametrize("options", [{"kv_type": "q9"}, {"speculation": "luck"}], ids=str)
def test_an_unknown_choice_says_what_there_is(options: dict[str, Any]) -> None:
    with pytest.raises(LLMConfigError, match=r"choose of f32, f16|there is 'prompt_lookup'"):
        LlamaCppOptions(**options)


def test_embeddings_have_length_one_and_tell_texts_apart(engine: LlamaCppEngine) -> None:
    texts = ["The cat sat.", "The cat sat.", "1, 2, 3, 4, 5", "word " * 700]
    vectors = engine.embed([engine.tokenize(text) for text in texts])
    assert vectors.shape == (4, engine.info.n_embd)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors[0], vectors[1], atol=1e-6)
    assert vectors[0] @ vectors[2] < 0.99


def test_of_no_texts_there_are_no_embeddings(engine: LlamaCppEngine) -> None:
    assert engine.embed([]).shape == (0, engine.info.n_embd)


@pytest.mark.parametrize("n_tokens", [0, 3000], ids=["empty", "too long"])
def test_an_input_that_cannot_be_embedded_is_refused(engine: LlamaCppEngine, n_tokens: int) -> None:
    with pytest.raises(InvalidRequestError, match=f"has {n_tokens} tokens"):
        engine.embed([[5] * n_tokens])


def test_a_cancel_ends_a_long_chunk_of_a_prompt(tiny_f32: Path) -> None:
    with running_engine(tiny_f32) as engine:
        collector = Collector()
        handle = engine.submit(GenerationRequest([7] * 1900, 1, GREEDY), collector)
        while not engine.stats.n_running:
            time.sleep(0)
        handle.cancel()
        assert collector.wait().end.reason == "cancelled"
        # What the interruption left half read does not show in what is read after.
        assert generate(engine, HELLO, sampling=GREEDY).wait().end.reason == "stop"


def test_an_interruption_of_nothing_costs_no_request(engine: LlamaCppEngine) -> None:
    expected = generate(engine, HELLO, sampling=GREEDY).wait().text
    engine._runner.interrupt()
    assert generate(engine, HELLO, sampling=GREEDY).wait().text == expected
