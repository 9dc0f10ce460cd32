"""`scripts/demo`, `scripts/test` and `.ci/run` as a shell calls them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.scripts.conftest import FakeVenv

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def call(*command: str, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / command[0]), *command[1:]],
        cwd=cwd,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("script", ["scripts/demo", "scripts/test"])
def test_help_needs_no_installation(script: str, venv: FakeVenv) -> None:
    run = call(script, "--help")
    assert run.returncode == 0
    assert run.stdout.startswith(f"usage: {script}")
    assert venv.calls() == []


@pytest.mark.parametrize("script", ["scripts/demo", "scripts/test"])
def test_without_a_python_that_is_new_enough_the_way_out_is_told(script: str) -> None:
    run = call(script, PYTHON="false no-such-python")
    assert run.returncode == 1
    assert run.stderr.startswith("error: no Python 3.11 or newer found")
    assert "apt-get install" in run.stderr


def test_everything_runs_in_order(venv: FakeVenv, tmp_path: Path) -> None:
    run = call(".ci/run", cwd=tmp_path)
    assert run.returncode == 0
    *linters, pytest = venv.calls()[-4:]
    assert linters == ["-m ruff check", "-m ruff format --check", "-m mypy"]
    assert re.fullmatch(r"-m pytest -n [1-4] --dist loadfile", pytest)


def test_quick_leaves_out_the_slow_tests(venv: FakeVenv) -> None:
    call("scripts/test", "--quick")
    assert venv.calls()[-1].startswith("-m pytest -m not slow -n ")
    call("scripts/test", "--quick", "tests/cli")
    assert venv.calls()[-1] == "-m pytest -m not slow tests/cli"


def test_pytest_arguments_run_pytest_alone(venv: FakeVenv) -> None:
    call("scripts/test", "tests/cli", "-k", "port")
    assert venv.calls()[-1] == "-m pytest tests/cli -k port"
    call("scripts/test", "tests/cli", "-x")
    assert venv.calls() == ["-m pytest tests/cli -x"]


def test_a_failed_step_does_not_stop_the_others_and_is_named_at_the_end(venv: FakeVenv) -> None:
    venv.fail_on("ruff check")
    run = call("scripts/test")
    assert run.returncode == 1
    assert venv.calls()[-1].startswith("-m pytest -n ")
    assert run.stderr.endswith("failed: ruff check\n")


def test_making_the_model_without_its_packages_names_the_way_to_them() -> None:
    run = call("scripts/make-tiny-model", PYTHON="no-such-python")
    assert run.returncode == 1
    assert run.stderr.startswith("error: no-such-python lacks torch")
    assert "scripts/test" in run.stderr
