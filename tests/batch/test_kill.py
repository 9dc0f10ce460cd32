"""SIGKILL at any point of a job: the next run goes on, with nothing twice and nothing lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.batch.jobs import echo, ids_of, write_requests
from tests.remote.scripted_server import Request, ScriptedServer

pytestmark = pytest.mark.slow

N_REQUESTS = 240
SCRIPT = Path(__file__).with_name("killed_job.py")
ROOT = SCRIPT.parents[2]


class Killer:
    """Answers, and kills the process that asks at its n-th request."""

    def __init__(self) -> None:
        self.answered: Counter[str] = Counter()
        self._left: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def answer(self, request: Request) -> bytes:
        text = json.loads(request.body)["messages"][-1]["content"]
        with self._lock:
            self.answered[text] += 1
            if self._left is not None:
                self._left -= 1
                if self._left <= 0 and self._process is not None:
                    self._process.kill()
        return echo(request)

    def run(self, arguments: list[str], kill_after: int | None) -> int:
        command = [sys.executable, str(SCRIPT), *arguments]
        with self._lock:
            self._left = kill_after
            self._process = subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
        return self._process.wait(60)


@pytest.mark.parametrize("keep_order", [False, True], ids=["as they end", "in order"])
def test_a_job_that_is_killed_again_and_again_comes_to_its_end(
    tmp_path: Path, keep_order: bool
) -> None:
    texts = [f"text {n}" for n in range(N_REQUESTS)]
    source, output = write_requests(tmp_path / "in.jsonl", texts), tmp_path / "out.jsonl"
    killer = Killer()
    with ScriptedServer((killer.answer,), record=False) as server:
        arguments = [server.url, str(source), str(output), str(keep_order)]
        finished: set[str] = set()
        for kill_after in (1, 37, 60):
            before = Counter(killer.answered)
            assert killer.run(arguments, kill_after) == -9
            asked = {text for text, n in killer.answered.items() if n > before[text]}
            assert not asked & finished
            # A line may be torn by the kill; whole ones are finished.
            journal = output if not keep_order else output.with_name("out.jsonl.journal")
            lines = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
            whole = [json.loads(line)["custom_id"] for line in lines if line.endswith(b"\n")]
            assert len(whole) == len(set(whole))
            finished = {texts[int(custom_id[1:])] for custom_id in whole}
        before = Counter(killer.answered)
        assert killer.run(arguments, None) == 0
    asked = {text for text, n in killer.answered.items() if n > before[text]}
    assert finished
    assert asked == set(texts) - finished
    ids = [f"r{n}" for n in range(N_REQUESTS)]
    assert (ids_of(output) if keep_order else sorted(ids_of(output), key=ids.index)) == ids
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]
