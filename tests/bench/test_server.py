"""The benchmark of the server: what a crowd of clients got, and a small run of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from local_engine.children import Absent
from local_engine.wire import prompt_of
from server import N_TOKENS, crowd

ROOT = Path(__file__).resolve().parents[2]


def test_a_crowd_is_told_by_its_middle_and_its_last_client() -> None:
    found = crowd([0.1, 0.2, 0.9], 2.0, clients=4)
    assert (found.first_ms, found.last_ms, found.n_refused) == (200.0, 900.0, 1)
    assert found.tokens_per_s == 3 * N_TOKENS / 2.0


def test_a_crowd_that_was_turned_away_was_not_measured() -> None:
    with pytest.raises(Absent, match="turned away"):
        crowd([], 2.0, clients=4)


def test_each_client_asks_something_else_and_names_no_number_of_its_own() -> None:
    prompts = [prompt_of(number) for number in range(200)]
    assert len(set(prompts)) == 200
    assert {"".join(filter(str.isdigit, prompt)) for prompt in prompts} == {"1200"}


@pytest.mark.slow
def test_a_small_run_measures_the_server_and_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "server.json"
    options = ["--only", "tiny", "--clients", "2", "--rounds", "1", "--json", str(path)]
    command = [sys.executable, str(ROOT / "bench" / "server.py"), *options]
    # No Python there, so no peer: it is told as missing, and does not fail the others.
    command += ["--peer-python", str(tmp_path / "none")]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr
    found = {
        one["row"]: one.get("median")
        for one in json.loads(path.read_text("utf-8"))["figures"]
        if one["column"] == "tokens a second"
    }
    assert found.pop("llama_cpp.server") is None
    assert min(found.values()) > 0
    assert len(found) == 2
