"""`python -m bench`: every benchmark is there, and what records is told where to."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Modules of benchmarks that are none themselves.
PARTS = {"chart", "fake_server", "peers", "plots", "report", "ring_worker", "tables"}


@pytest.fixture(scope="module")
def door() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "bench" / "__main__.py"), run_name="door")


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_it_lists_all_benchmarks_and_runs_none(door: dict[str, Any]) -> None:
    run = bench()
    assert (run.returncode, run.stderr) == (0, "")
    assert all(f"\n{name} " in run.stdout for name in door["BENCHES"])


def test_every_script_is_a_benchmark_or_part_of_one(door: dict[str, Any]) -> None:
    scripts = {path.stem for path in (ROOT / "bench").glob("[a-z]*.py")}
    assert {Path(one.script).stem for one in door["BENCHES"].values()} == scripts - PARTS


def test_an_unknown_name_is_refused_and_the_known_ones_are_told() -> None:
    run = bench("serve")
    assert run.returncode == 2
    assert "unknown benchmark 'serve'; there are: remote, async," in run.stderr


@pytest.mark.parametrize(
    ("name", "options", "recorded"),
    [
        ("remote", [], True),
        ("remote", ["--rounds", "3"], True),
        ("remote", ["--json=x.json"], False),
        ("local", ["--quick"], False),
        ("cassettes", [], False),
    ],
)
def test_findings_go_to_the_folder_of_results(
    door: dict[str, Any], name: str, options: list[str], recorded: bool
) -> None:
    command = door["command_of"](name, options)
    assert (command[-1] == str(ROOT / "bench" / "results" / f"{name}.json")) is recorded


def test_what_the_peers_install_is_pinned() -> None:
    lines = (ROOT / "bench" / "peers.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#") and "==" not in line] == []


@pytest.mark.slow
def test_a_short_run_writes_its_findings(tmp_path: Path) -> None:
    path = tmp_path / "remote.json"
    run = bench("remote", "--rounds", "1", "--json", str(path))
    assert (run.returncode, run.stderr) == (0, "")
    assert '"bench": "remote"' in path.read_text("utf-8")
