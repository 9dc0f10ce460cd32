"""Jobs whose process ends at any step and is run again: nothing is lost, or paid twice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from LLM.batch.provider.parts import Job
from LLM.transport import Transport
from tests.batch_provider.fake_provider import FakeOpenAI
from tests.batch_provider.jobs import chat_line, notes, run, texts, write


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
            (Job, "save"),
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
