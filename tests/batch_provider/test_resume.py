"""Jobs whose process ends at any step and is run again: nothing is lost, or paid twice."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from LLM.batch.provider.notes import JobNotes
from LLM.batch.stop import Stop
from LLM.replacement import replacing
from LLM.transport import Transport
from tests.batch_provider.fake_provider import FakeOpenAI
from tests.batch_provider.jobs import chat_line, notes, run, texts, write
from tests.remote.scripted_server import Request, reset

pytestmark = pytest.mark.slow


class Killed(BaseException):
    """The process ends here: nothing that comes after happens."""


class Death:
    """Counts the steps of a job, and kills it at one of them.

    :param at: number of the step, from 0; None lets it live.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int | None) -> None:
        self.n_steps = 0
        self._at = at
        for owner, name in (
            (Transport, "call"),
            (Transport, "upload"),
            (Transport, "download"),
            (JobNotes, "save"),
        ):
            monkeypatch.setattr(owner, name, self._stepped(getattr(owner, name)))

    def _stepped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **kwargs: Any) -> Any:
            self.step()
            result = real(*args, **kwargs)
            self.step()
            return result

        return stepped

    def step(self) -> None:
        self.n_steps += 1
        if self._at is not None and self.n_steps > self._at:
            raise Killed


def steps_of_a_job(run_job: Callable[[], Any]) -> int:
    with pytest.MonkeyPatch.context() as patch:
        death = Death(patch, None)
        run_job()
        return death.n_steps


def test_a_job_that_dies_at_any_step_is_gone_on_with(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    lines = [chat_line("a", "A"), chat_line("b", "B"), chat_line("c", "C")]

    def folder(name: object) -> Path:
        (tmp_path / str(name)).mkdir()
        write(tmp_path / str(name) / "in.jsonl", lines)
        return tmp_path / str(name)

    n_steps = steps_of_a_job(partial(run, url, folder("whole")))
    assert n_steps > 20
    for step in range(n_steps):
        openai.batches.clear()
        openai.files.clear()
        here = folder(step)
        with pytest.MonkeyPatch.context() as patch:
            Death(patch, step)
            with pytest.raises(Killed):
                run(url, here)
        run(url, here)
        assert texts(here) == {"a": "A", "b": "B", "c": "C"}, step
        assert len(openai.batches) == 1, step
        assert {file["purpose"] for file in openai.files.values()} == {"batch_output"}, step
        assert not notes(here).exists()


SCRIPT = """
import sys
from LLM import LLM, LLMConfig
with LLM(LLMConfig(base_url=sys.argv[1], model="gpt-5")) as llm:
    llm.batch(sys.argv[2], sys.argv[3], engine="provider")
"""


@pytest.mark.parametrize("step", ["POST /v1/files", "POST /v1/batches", "GET /v1/batches/batch_2"])
def test_a_process_that_is_killed_is_gone_on_with(
    url: str, openai: FakeOpenAI, tmp_path: Path, step: str
) -> None:
    """Killed when the provider has done what it was asked, and before it says so."""
    reached, killed = threading.Event(), threading.Event()

    def fault(request: Request) -> Any:
        if f"{request.method} {request.path}" != step or reached.is_set():
            return None
        openai.route(request)
        reached.set()
        killed.wait(60)
        return [reset]

    openai.fault = fault
    write(tmp_path / "in.jsonl", [chat_line("a", "A"), chat_line("b", "B")])
    files = [str(tmp_path / name) for name in ("in.jsonl", "out.jsonl")]
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, url, *files])
    try:
        assert reached.wait(120)
    finally:
        process.kill()
        process.wait()
        killed.set()
    run(url, tmp_path)
    assert texts(tmp_path) == {"a": "A", "b": "B"}
    assert len(openai.batches) == 1
    assert {file["purpose"] for file in openai.files.values()} == {"batch_output"}


def test_an_interrupt_leaves_the_batch_running_and_says_how_to_come_back(
    url: str, openai: FakeOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Stop, seconds: float) -> None:
        raise KeyboardInterrupt

    write(tmp_path / "in.jsonl", [chat_line("a", "A")])
    with monkeypatch.context() as patch:
        patch.setattr(Stop, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt) as caught:
            run(url, tmp_path)
    (note,) = caught.value.__notes__
    assert "goes on with batch_2: the same call comes back" in note
    run(url, tmp_path)
    assert texts(tmp_path) == {"a": "A"}
    assert len(openai.batches) == 1


def test_notes_that_a_killed_run_has_half_written_go_with_the_job(tmp_path: Path) -> None:
    notes = JobNotes(tmp_path / "out.jsonl.batches", "openai", "http://localhost")
    with replacing(notes.folder / "job.json") as partial:
        partial.write_bytes(b"whole")
    partial.write_bytes(b"half")
    notes.remove_strays()
    notes.close()
    assert not notes.folder.exists()
