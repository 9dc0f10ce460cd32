"""What Windows lacks is missed by nobody: imports, jobs and lockfiles without `fcntl` and the like.

Nothing here runs on Windows or macOS; CONTRIBUTING.md says what that leaves open.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.batch.jobs import echo
from tests.remote.scripted_server import ScriptedServer

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the process without POSIX tells."""
    folder = tmp_path_factory.mktemp("windows")
    script = ROOT / "tests" / "posix_hidden.py"
    with ScriptedServer((echo,)) as server:
        run = subprocess.run(
            [sys.executable, "-W", "error", str(script), str(folder), server.url],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def test_every_module_is_imported_without_what_windows_lacks(told: dict[str, Any]) -> None:
    assert told["failed"] == {}
    assert told["n_modules"] > 500


def test_a_job_writes_its_output_where_there_are_no_locks(told: dict[str, Any]) -> None:
    assert (told["answers"], told["lines"]) == (["one", "two"], 2)


def test_a_lockfile_is_written_and_read_where_there_are_no_locks(told: dict[str, Any]) -> None:
    assert told["lockfile"] == "new"
