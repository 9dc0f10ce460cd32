"""Plans beside what llama.cpp and the system say: on tiny, and on a random model of 0.5B.

The second is made anew: half a minute, 350 MB. `scripts/make-random-model` says how.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from LLM.exceptions import LLMConfigError
from local_llm_kit import LLMClient, gguf
from local_llm_kit.engines.llama_cpp import LlamaCppOptions
from local_llm_kit.memory_plan import MemoryPlan
from local_llm_kit.placement import load_llama_cpp, plan_llama_cpp
from tests.local.support import TINY

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

SETTINGS: list[dict[str, Any]] = [
    {},
    {"n_slots": 1, "context_length": 512},
    {"n_slots": 13, "context_length": 1000},
    {"kv_type": "q8_0"},
    {"kv_type": "q4_0", "n_batch": 512},
    {"flash_attention": True, "n_slots": 1},
    {"flash_attention": False},
    {"cache_bytes": 6 << 20},
    {"mmap": False},
]


def loaded(path: Path, options: LlamaCppOptions, budget: int | str | None = None) -> MemoryPlan:
    """The plan of a model beside what was measured as it was loaded."""
    planned = plan_llama_cpp("model", gguf.check(path), options, budget)
    engine, planned = load_llama_cpp(str(path), "model", planned, options)
    engine.close()
    return planned


def check(planned: MemoryPlan) -> None:
    """Hold the sum to 10 % and what is reported to two decimals of a MiB to the same."""
    assert planned.total_deviation == pytest.approx(0, abs=0.1)
    for part in planned.measured.keys() & planned.parts.keys():
        assert planned.parts[part] == pytest.approx(planned.measured[part], rel=0.1, abs=10_000)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_tiny_takes_what_was_planned(settings: dict[str, Any]) -> None:
    planned = loaded(TINY, LlamaCppOptions(**settings))
    assert planned.measured.keys() >= {"weights", "cache", "workspace", "logits"}
    check(planned)


def test_a_draft_model_is_planned_and_measured_apart() -> None:
    planned = loaded(TINY, LlamaCppOptions(draft_path=str(TINY)))
    assert planned.measured["draft"] > planned.measured["cache"]
    check(planned)


@pytest.mark.parametrize("budget", ["16MiB", "60MiB", "120MiB"])
def test_what_is_loaded_keeps_to_the_budget(budget: str) -> None:
    planned = loaded(TINY, LlamaCppOptions(), budget)
    found = sum(planned.measured[part] for part in planned.measured.keys() & planned.parts.keys())
    assert found <= (planned.budget_bytes or 0)
    check(planned)


def test_a_client_shows_its_plan() -> None:
    with LLMClient("tiny", memory_budget="60MiB") as client:
        planned = client.memory_plan
    assert planned is not None
    assert planned.budget_bytes == 60 << 20
    assert planned.measured["cache"] == pytest.approx(planned.parts["cache"], rel=0.01)
    assert client.info.context_length == planned.context_length


def test_a_client_that_cannot_fit_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(LLMConfigError, match=r"'tiny' needs .* memory_budget is 4\.0 MiB"):
        LLMClient("tiny", memory_budget="4MiB")


def test_memory_is_measured_though_another_took_the_log() -> None:
    llama_cpp = pytest.importorskip("llama_cpp")
    llama_cpp.Llama(str(TINY), n_ctx=256, n_threads=1, verbose=False).close()
    check(loaded(TINY, LlamaCppOptions(n_slots=1)))


def test_layers_for_a_gpu_that_is_not_there_are_refused() -> None:
    with pytest.raises(LLMConfigError, match=r"n_gpu_layers is 3, but llama\.cpp finds no GPU"):
        plan_llama_cpp("tiny", gguf.check(TINY), LlamaCppOptions(n_gpu_layers=3))


@pytest.mark.timeout(600)
def test_a_model_of_half_a_billion_weights_takes_what_was_planned(tmp_path: Path) -> None:
    command = [str(ROOT / "scripts/make-random-model"), "half", str(tmp_path), "--type", "q4_0"]
    subprocess.run(command, check=True, timeout=500, stdout=subprocess.DEVNULL)
    for settings in ({}, {"context_length": 2048, "n_slots": 4}, {"flash_attention": True}):
        check(loaded(tmp_path / "half-q4_0.gguf", LlamaCppOptions(**settings)))
    check(loaded(tmp_path / "half-q4_0.gguf", LlamaCppOptions(), "700MiB"))


#: Loads, uses and closes a model again and again; prints what the process takes after each.
_AGAIN = """
import psutil
from local_llm_kit import LLMClient
process = psutil.Process()
for _ in range(20):
    with LLMClient("tiny", n_slots=2) as client:
        client.completions.create(prompt="Hello", max_tokens=4, temperature=0)
    print(process.memory_info().rss, flush=True)
"""


def test_memory_is_given_back_by_twenty_clients() -> None:
    command = [sys.executable, "-c", _AGAIN]
    # glibc gives each thread an arena of its own, which comes and goes by chance: one is enough.
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
        cwd=ROOT,
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
    )
    sizes = [int(line) for line in done.stdout.split()]
    assert len(sizes) == 20
    assert min(sizes[-5:]) <= 1.05 * sizes[0]


def test_the_process_grows_by_no_more_than_the_budget() -> None:
    before = psutil.Process().memory_info().rss
    with LLMClient("tiny", memory_budget="60MiB") as client:
        assert client.memory_plan is not None
        assert client.memory_plan.measured["resident"] <= 60 << 20
        assert psutil.Process().memory_info().rss - before <= 60 << 20
