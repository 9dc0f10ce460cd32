"""The benchmark of jobs runs, small, and its verdict is its exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_small_benchmark_measures_and_kills() -> None:
    script = [sys.executable, str(ROOT / "bench/batch.py"), "--requests", "300", "--rounds", "1"]
    run = subprocess.run([*script, "--kills", "1"], capture_output=True, text=True, cwd=ROOT)
    assert (run.returncode, run.stderr) == (0, "")
    assert "throughput / plain loop" in run.stdout
    assert "300 lines, 0 twice, 0 lost: met" in run.stdout
