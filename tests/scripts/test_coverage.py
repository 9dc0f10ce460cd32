"""What `scripts/coverage` runs, and what is measured."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from measure_coverage import main, steps
from release.contents import PACKAGES

ROOT = Path(__file__).resolve().parents[2]


def test_all_tests_are_shared_between_the_cores_and_earlier_runs_forgotten() -> None:
    erase, run, combine, report = steps([], n_cores=2)
    assert erase == ["coverage", "erase"]
    assert run == ["coverage", "run", "-m", "pytest", "-n", "2", "--dist", "loadfile"]
    assert (combine[1], report[1]) == ("combine", "report")


def test_a_part_adds_to_what_earlier_parts_found() -> None:
    first, *_ = steps(["--add", "tests/cloud", "-m", "not slow"], n_cores=2)
    assert first == ["coverage", "run", "-m", "pytest", "tests/cloud", "-m", "not slow"]


def test_help_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: scripts/coverage [--add]")


def test_all_packages_are_measured() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert set(settings["tool"]["coverage"]["run"]["source"]) == set(PACKAGES)
