"""`llm-kit batch --engine provider`: the providers' own batch endpoints behind the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from LLM.batch.stop import Stop
from tests.batch_provider.fake_provider import FakeAnthropic, FakeOpenAI, FakeProvider, serving
from tests.llm_kit.support import line, read, read_csv, report, run, write


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking at a batch again waits for nothing."""
    monkeypatch.setattr(Stop, "sleep", lambda self, pause_s: None)


@pytest.mark.parametrize(
    ("provider", "fake", "model"),
    [("openai", FakeOpenAI, "gpt-4o-mini"), ("anthropic", FakeAnthropic, "claude-sonnet-4-5")],
    ids=["openai", "anthropic"],
)
def test_a_provider_answers_a_file(
    tmp_path: Path, provider: str, fake: type[FakeProvider], model: str
) -> None:
    source = write(tmp_path / "in.jsonl", *(line(f"r{i}", model=model) for i in range(3)))
    out = tmp_path / "out.jsonl"
    with serving(fake()) as url:
        options = ("--provider", provider, "--base-url", url, "--engine", "provider", "--json")
        done = run(source, out, *options)
    assert (done.exit_code, done.stderr) == (0, "")
    assert [len(one["response"]["body"]["choices"]) for one in read(out)] == [1, 1, 1]
    assert report(done)["cost"] > 0


def test_a_provider_answers_a_table(tmp_path: Path) -> None:
    table = write(tmp_path / "in.csv", b"prompt,note\nHello!,mine\n")
    with serving(FakeOpenAI()) as url:
        options = ("--base-url", url, "--engine", "provider", "--model", "m")
        done = run(table, tmp_path / "out.csv", *options)
    assert done.exit_code == 0, done.stderr
    (row,) = read_csv(tmp_path / "out.csv")
    assert row["note"] == "mine"
    assert row["answer"]


def test_an_interrupted_job_says_how_to_come_back_and_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Stop, pause_s: float) -> None:
        raise KeyboardInterrupt

    source, out = write(tmp_path / "in.jsonl", line("a", model="m")), tmp_path / "out.jsonl"
    monkeypatch.setattr(Stop, "sleep", interrupt)
    with serving(FakeOpenAI()) as url:
        options = ("--base-url", url, "--engine", "provider")
        done = run(source, out, *options)
        assert done.exit_code == 130
        assert "the same command comes back for it, and with --cancel ends it" in done.stderr
        cancelled = run(source, out, *options, "--cancel")
    assert (cancelled.exit_code, cancelled.stdout.split()[0]) == (0, "cancelled")
    assert "without --cancel fetches" in cancelled.stderr


def test_a_job_that_is_not_there_has_nothing_to_cancel(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", line("a", model="m"))
    options = ("--base-url", "http://127.0.0.1:9", "--engine", "provider", "--cancel")
    done = run(source, tmp_path / "out.jsonl", *options)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "there is no batch of this job" in done.stderr
