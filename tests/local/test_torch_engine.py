"""The torch engine, whole: texts, states, embeddings, options, its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from transformers import AutoModelForCausalLM

from LLM import InvalidRequestError, LLMContextLengthError, LLMServerError
from local_llm_kit.engines.llama_cpp import LlamaCppEngine
from local_llm_kit.engines.protocol import Failed, GenerationRequest, SamplingParams
from local_llm_kit.engines.transformers import TransformersEngine
from tests.local.support import Collector, chat_prompt, generate
from tests.local.test_torch_vocabulary import copy_tiny
from tests.local.torch_models import TINY, make_model, torch_engine

pytestmark = pytest.mark.slow

GREEDY = SamplingParams(temperature=0)
ENDLESS = SamplingParams(temperature=0, logit_bias=tuple((i, -100.0) for i in range(3)))
QUESTIONS = ["Hello!", "Who are you?", "What is the capital of France?", "Count to 20", "3 + 4?"]


@pytest.fixture(scope="module")
def torch_tiny() -> Iterator[TransformersEngine]:
    with torch_engine() as engine:
        yield engine


@pytest.mark.parametrize("question", QUESTIONS)
def test_both_engines_say_the_same(
    question: str, torch_tiny: TransformersEngine, engine: LlamaCppEngine
) -> None:
    ours, theirs = (
        generate(one, chat_prompt(question), sampling=GREEDY, max_tokens=50).wait()
        for one in (torch_tiny, engine)
    )
    assert ours.text == theirs.text
    assert ours.end[:3] == theirs.end[:3]


def test_both_engines_tell_the_same_facts(
    torch_tiny: TransformersEngine, engine: LlamaCppEngine
) -> None:
    names = (
        "name context_length n_ctx_train n_vocab longest_token_bytes chat_template bos_token "
        "eos_token control_tokens n_embd device"
    ).split()
    ours, theirs = torch_tiny.info, engine.info
    assert [getattr(ours, name) for name in names] == [getattr(theirs, name) for name in names]
    assert ours.backend == "transformers"
    assert ours.size_bytes == pytest.approx(4 * ours.n_params, rel=0.01)


def test_answers_are_the_same_alone_and_together(torch_tiny: TransformersEngine) -> None:
    prompts = [chat_prompt(question) for question in QUESTIONS * 4]
    alone = [generate(torch_tiny, p, sampling=GREEDY, max_tokens=40).wait().text for p in prompts]
    together = [generate(torch_tiny, p, sampling=GREEDY, max_tokens=40) for p in prompts]
    assert [call.wait().text for call in together] == alone


def test_a_prompt_that_goes_on_finds_its_beginning_cached(torch_tiny: TransformersEngine) -> None:
    first = generate(torch_tiny, chat_prompt("Tell me of Rome."), sampling=GREEDY).wait()
    longer = chat_prompt("Tell me of Rome.") + first.text + "<|im_end|>\n" + chat_prompt("Hi")
    second = generate(torch_tiny, longer, sampling=GREEDY, max_tokens=5).wait()
    assert second.end.cached_tokens >= first.end.prompt_tokens


def test_four_texts_in_a_cache_for_one_all_reach_their_length() -> None:
    cell_bytes = 5 * 2 * 2 * 32 * 4
    options = {"n_slots": 4, "context_length": 256, "cache_bytes": 256 * cell_bytes}
    with torch_engine(**options) as engine:
        calls = [generate(engine, "Once", sampling=ENDLESS, max_tokens=200) for _ in range(4)]
        ends = [call.wait(timeout=60) for call in calls]
    assert [end.end.completion_tokens for end in ends] == [200] * 4
    assert len({end.text for end in ends}) == 1


@pytest.mark.parametrize(
    "options",
    [{"speculation": "prompt_lookup"}, {"draft_path": str(TINY)}],
    ids=["prompt lookup", "draft model"],
)
def test_speculation_changes_no_text(options: Any, torch_tiny: TransformersEngine) -> None:
    prompt = chat_prompt("Count to 20")
    wanted = generate(torch_tiny, prompt, sampling=GREEDY, max_tokens=60).wait().text
    with torch_engine(**options) as engine:
        found = [generate(engine, prompt, sampling=GREEDY, max_tokens=60) for _ in range(3)]
        assert {call.wait().text for call in found} == {wanted}


def test_a_draft_model_takes_fewer_steps() -> None:
    with torch_engine(draft_path=str(TINY)) as engine:
        generate(engine, chat_prompt("Count to 20"), sampling=GREEDY, max_tokens=60).wait()
        assert engine.stats.n_steps < 20


@pytest.mark.parametrize(
    "options",
    [{"quantization": "int8"}, {"dtype": "bfloat16"}, {"dtype": "float16"}],
    ids=["int8", "bfloat16", "float16"],
)
def test_smaller_weights_say_much_the_same(options: Any, torch_tiny: TransformersEngine) -> None:
    with torch_engine(**options) as engine:
        done = generate(engine, chat_prompt("Hello!"), sampling=GREEDY).wait()
        assert done.text == generate(torch_tiny, chat_prompt("Hello!"), sampling=GREEDY).wait().text
        assert engine.info.size_bytes < 0.6 * torch_tiny.info.size_bytes


def test_a_draft_model_with_a_shorter_window_changes_no_text(tmp_path: Path) -> None:
    main = make_model(tmp_path / "main", "Llama")
    short = make_model(tmp_path / "short", "Llama", max_position_embeddings=64)
    texts = []
    for options in ({}, {"draft_path": str(short)}):
        with torch_engine(main, **options) as engine:
            calls = [generate(engine, p, sampling=ENDLESS, max_tokens=90) for p in ("One", "Two")]
            texts.append([call.wait().text for call in calls])
    assert texts[0] == texts[1]


def test_a_text_that_needs_transformers_modules_is_generated(tmp_path: Path) -> None:
    make_model(tmp_path, "Gemma2", head_dim=16, sliding_window=16, query_pre_attn_scalar=16)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    with torch_engine(tmp_path) as engine:
        prompt = engine.tokenize("Hello, who are you and what can you do for me today?")
        calls = [Collector() for _ in range(3)]
        for call in calls:
            engine.submit(GenerationRequest(prompt, 20, ENDLESS), call)
        found = {call.wait().text for call in calls}
        ids = torch.tensor([prompt])
        out = model.generate(
            ids, max_new_tokens=20, do_sample=False, suppress_tokens=[0, 1, 2], pad_token_id=0
        )
        assert found == {engine.detokenize(out[0, len(prompt) :].tolist())}


# -- states -----------------------------------------------------------------------------------


def test_a_saved_conversation_goes_on_in_another_engine(tmp_path: Path) -> None:
    path, prompt = str(tmp_path / "state"), chat_prompt("Count to 20")
    with torch_engine() as engine:
        first = generate(engine, prompt, sampling=GREEDY, max_tokens=20).wait()
        n_saved = engine.save_state(engine.tokenize(prompt, parse_special=True), path)
    with torch_engine() as engine:
        assert engine.load_state(path) == n_saved == first.end.prompt_tokens
        second = generate(engine, prompt, sampling=GREEDY, max_tokens=20).wait()
    assert second.text == first.text
    assert second.end.cached_tokens == n_saved - 1


@pytest.mark.parametrize(
    "options", [{"dtype": "bfloat16"}, {"quantization": "int8"}], ids=["dtype", "int8"]
)
def test_a_state_of_other_settings_is_refused(options: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    with torch_engine() as engine:
        generate(engine, "Hello there", max_tokens=1).wait()
        assert engine.save_state(engine.tokenize("Hello there"), path)
    with torch_engine(**options) as engine, pytest.raises(InvalidRequestError, match="other cache"):
        engine.load_state(path)


# -- embeddings -------------------------------------------------------------------------------


def reference_states(prompt: list[int]) -> Any:
    model = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32).eval()
    with torch.inference_mode():
        return model.model(torch.tensor([prompt])).last_hidden_state[0].numpy()


@pytest.mark.parametrize(
    ("settings", "pool"),
    [
        (None, lambda states: states.mean(axis=0)),
        ({"pooling_mode_mean_tokens": True}, lambda states: states.mean(axis=0)),
        ({"pooling_mode_cls_token": True}, lambda states: states[0]),
        ({"pooling_mode_lasttoken": True}, lambda states: states[-1]),
        ({"pooling_mode": "lasttoken"}, lambda states: states[-1]),
    ],
    ids=["no settings", "mean", "first", "last", "last, newer spelling"],
)
def test_embeddings_are_the_pooled_states(settings: Any, pool: Any, tmp_path: Path) -> None:
    folder = with_pooling(tmp_path, settings) if settings else copy_tiny(tmp_path)
    with torch_engine(folder) as engine:
        prompt = engine.tokenize("The capital of France is Paris.")
        found = engine.embed([prompt, prompt[:3]])
    wanted = pool(reference_states(prompt))
    assert found.shape == (2, 128)
    assert found.dtype == np.float32
    assert np.allclose(found[0], wanted / np.linalg.norm(wanted), atol=1e-5)


def with_pooling(folder: Path, settings: Any, kinds: tuple[str, ...] = ()) -> Path:
    copy_tiny(folder)
    names = ("Transformer", "Pooling", "Normalize", *kinds)
    modules = [{"idx": i, "type": f"sentence_transformers.models.{n}"} for i, n in enumerate(names)]
    (folder / "modules.json").write_text(json.dumps(modules), "utf-8")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(settings), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({"pooling_mode_max_tokens": True}, ()),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, ()),
        ({}, ()),
        ({"pooling_mode_mean_tokens": True}, ("Dense",)),
    ],
    ids=["max", "two", "none", "a further layer"],
)
def test_a_pooling_that_is_not_known_is_an_error(
    settings: Any, kinds: tuple[str, ...], tmp_path: Path
) -> None:
    folder = with_pooling(tmp_path, settings, kinds)
    with torch_engine(folder) as engine, pytest.raises(InvalidRequestError, match="not known here"):
        engine.embed([[5, 6]])


def test_threads_embed_while_others_generate(torch_tiny: TransformersEngine) -> None:
    prompt = torch_tiny.tokenize("The quick brown fox")
    wanted = torch_tiny.embed([prompt])
    stream = generate(torch_tiny, "Once", sampling=ENDLESS, max_tokens=150)
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(torch_tiny.embed([prompt]))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stream.wait().end.completion_tokens == 150
    assert all(np.array_equal(one, wanted) for one in found)
    assert len(found) == 4


# -- limits and the end -----------------------------------------------------------------------


def test_a_prompt_longer_than_the_window_tells_both_sizes(torch_tiny: TransformersEngine) -> None:
    with pytest.raises(LLMContextLengthError, match=r"has 2048 tokens.* is 2048"):
        torch_tiny.submit(GenerationRequest([5] * 2048, 1), Collector())


@pytest.mark.parametrize("token", [-1, 1024])
def test_tokens_that_do_not_exist_never_reach_torch(
    token: int, torch_tiny: TransformersEngine
) -> None:
    with pytest.raises(InvalidRequestError, match="there is no token"):
        torch_tiny.submit(GenerationRequest([token], 1), Collector())


def test_a_failure_in_torch_ends_its_requests_and_not_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a kernel failed")

    with torch_engine() as engine:
        with monkeypatch.context() as patch:
            patch.setattr(type(engine._built.network), "hidden", broken)
            done = generate(engine, "Hello", max_tokens=3).wait()
            assert isinstance(done.end, Failed)
            assert "a kernel failed" in str(done.end.error)
            assert isinstance(done.end.error, LLMServerError)
        assert generate(engine, chat_prompt("Hello!"), sampling=GREEDY).wait().end.reason == "stop"


def test_closing_ends_what_runs_and_refuses_what_comes() -> None:
    with torch_engine(n_slots=1) as engine:
        calls = [generate(engine, "Hi", sampling=ENDLESS) for _ in range(3)]
        engine.close()
        assert all(isinstance(call.wait().end, Failed) for call in calls)
        with pytest.raises(LLMServerError, match="closed"):
            engine.embed([[5]])
        with pytest.raises(LLMServerError, match="closed"):
            engine.tokenize("x")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="counts pages as Linux does")
def test_memory_is_given_back_on_close(tmp_path: Path) -> None:
    make_model(tmp_path, "Llama", hidden_size=512, intermediate_size=2048, num_hidden_layers=4)

    def use() -> int:
        with torch_engine(tmp_path, context_length=256) as engine:
            generate(engine, "Once upon a time", sampling=ENDLESS, max_tokens=100).wait()
            return engine.info.size_bytes

    size = use()
    before = resident_bytes()
    for _ in range(4):
        use()
    assert size > 40 << 20
    assert resident_bytes() - before < size / 4


def test_importing_the_engines_package_loads_no_torch() -> None:
    code = "import local_llm_kit, sys; print('torch' in sys.modules, 'transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
