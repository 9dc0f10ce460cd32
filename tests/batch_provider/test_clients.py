"""What `LLM`, `AsyncLLM` and the provider clients make of a job at a provider."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cloud.llm import OpenAICompatClient
from LLM import AsyncLLM, LLMConfig
from LLM.batch.bar import describe
from LLM.batch.parsing import RequestReader
from LLM.batch.provider.engine import ProviderEngine
from LLM.batch.provider.jobs import openai_calls
from LLM.batch.provider.openai import OpenAIBatches
from LLM.batch.stop import Stop
from LLM.batch.tally import Tally
from LLM.exceptions import LLMConfigError, LLMError
from tests.batch_provider.fake_provider import FakeOpenAI, http
from tests.batch_provider.jobs import KEY, chat_line, client, lines_of, notes, run, texts, write
from tests.batch_provider.test_troubles import fail


def test_prompts_in_memory_make_a_job_with_an_output_file(url: str, tmp_path: Path) -> None:
    with client(url) as llm:
        report = llm.batch(
            ["One.", "Two."], tmp_path / "out.jsonl", engine="provider", progress=False
        )
    assert [result.text for result in report.results] == ["One.", "Two."]


def test_a_job_without_an_output_file_is_refused(url: str, openai: FakeOpenAI) -> None:
    with client(url) as llm, pytest.raises(LLMConfigError, match="name a file"):
        llm.batch(["One."], engine="provider", progress=False)
    assert not openai.calls


def test_tokens_are_counted_and_calls_are_not(url: str, tmp_path: Path) -> None:
    with client(url) as llm:
        llm.batch(["One.", "Two."], tmp_path / "out.jsonl", engine="provider", progress=False)
        assert (llm.usage.total.total_tokens, llm.get_request_count()) == (30, 0)


def test_a_limit_that_no_provider_holds_is_refused(url: str, tmp_path: Path) -> None:
    llm = client(url, max_total_tokens=1000)
    with pytest.raises(LLMConfigError, match="max_total_tokens is 1,000"):
        llm.batch(["One."], tmp_path / "out.jsonl", engine="provider", progress=False)


def test_a_dry_run_sends_nothing(url: str, openai: FakeOpenAI, tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a")])
    assert run(url, tmp_path, dry_run=True).estimate is not None
    assert not openai.calls
    assert not notes(tmp_path).exists()


def test_the_outputs_order_is_the_inputs_where_asked(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    openai.spoil = lambda lines: lines[::-1]
    write(tmp_path / "in.jsonl", [chat_line(f"{n}") for n in range(5)])
    run(url, tmp_path, keep_order=True)
    assert list(texts(tmp_path)) == ["0", "1", "2", "3", "4"]


def test_requests_of_the_same_words_are_sent_once(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", [chat_line(f"{n}", f"text {n % 2}") for n in range(6)])
    report = run(url, tmp_path, deduplicate=True)
    assert (report.n_answered, report.n_shared) == (6, 4)
    assert [len(asked) for asked in openai.asked.values()] == [2]


def test_a_limited_run_leaves_the_rest_of_a_batch_to_a_later_one(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", [chat_line(f"{n}") for n in range(4)])
    fail(openai, "look", 1, http(401, {}))
    with pytest.raises(LLMError):
        run(url, tmp_path)
    assert run(url, tmp_path, limit=2).n_answered == 2
    assert run(url, tmp_path).n_answered == 4
    assert len(openai.batches) == 1
    assert not notes(tmp_path).exists()


def test_a_request_that_has_changed_since_it_was_sent_is_told(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a"), chat_line("b")])
    fail(openai, "look", 1, http(401, {}))
    with pytest.raises(LLMError):
        run(url, tmp_path)
    write(tmp_path / "in.jsonl", [chat_line("a"), chat_line("b", "other words")])
    with pytest.raises(LLMError, match="'b' has changed"):
        run(url, tmp_path)
    assert len(openai.batches) == 1


def test_requests_that_are_added_later_make_a_batch_of_their_own(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a")])
    fail(openai, "look", 1, http(401, {}))
    with pytest.raises(LLMError):
        run(url, tmp_path)
    write(tmp_path / "in.jsonl", [chat_line("new"), chat_line("a")])
    run(url, tmp_path)
    asked = [[line["custom_id"] for line in lines] for lines in openai.asked.values()]
    assert asked == [["a"], ["new"]]
    assert sorted(texts(tmp_path)) == ["a", "new"]


def test_notes_of_another_address_are_not_gone_on_with(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a")])
    fail(openai, "look", 1, http(401, {}))
    with pytest.raises(LLMError):
        run(url, tmp_path)
    with pytest.raises(LLMError, match=r"is at http://127\.0\.0\.1"):
        run("http://127.0.0.1:9", tmp_path)


@pytest.mark.parametrize("damage", ["notes", "requests"])
def test_damaged_notes_are_told_and_nothing_is_sent(
    url: str, openai: FakeOpenAI, tmp_path: Path, damage: str
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a"), chat_line("b")])
    fail(openai, "look", 1, http(401, {}))
    with pytest.raises(LLMError):
        run(url, tmp_path)
    name = {"notes": "job.json", "requests": "part-000001.jsonl"}[damage]
    path = notes(tmp_path) / name
    path.write_bytes(path.read_bytes()[:-30])
    n_calls = len(openai.calls)
    with pytest.raises(LLMError, match=r"cannot be read|is damaged"):
        run(url, tmp_path)
    assert len(openai.calls) == n_calls


def test_a_cancelled_job_gives_what_was_answered(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", [chat_line(f"{n}") for n in range(4)])
    fail(openai, "look", 1, http(401, {}))
    with pytest.raises(LLMError):
        run(url, tmp_path)
    with client(url) as llm:
        assert llm.cancel_batch(tmp_path / "out.jsonl") == list(openai.batches)
    report = run(url, tmp_path)
    assert (report.n_answered, report.n_failed) == (2, 2)


def test_there_is_nothing_to_cancel_where_there_is_no_job(url: str, tmp_path: Path) -> None:
    async def cancel() -> list[str]:
        async with AsyncLLM(LLMConfig(base_url=url)) as llm:
            return await llm.cancel_batch(tmp_path / "out.jsonl")

    with client(url) as llm:
        assert llm.cancel_batch(tmp_path / "out.jsonl") == asyncio.run(cancel()) == []


def test_the_async_client_runs_the_same_job(url: str, tmp_path: Path) -> None:
    async def job() -> int:
        async with AsyncLLM(LLMConfig(base_url=url, model="gpt-5")) as llm:
            report = await llm.batch(
                ["One."], tmp_path / "out.jsonl", engine="provider", progress=False
            )
        return report.n_answered

    assert asyncio.run(job()) == 1


def test_the_provider_client_for_openai_runs_the_same_job(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    provider = OpenAICompatClient(KEY, "gpt-5", url)
    provider.batch(["One."], tmp_path / "out.jsonl", engine="provider", progress=False)
    assert [line["custom_id"] for line in lines_of(tmp_path / "out.jsonl")] == ["request-1"]
    assert len(openai.batches) == 1


def test_the_bar_is_told_what_the_provider_has_answered(
    url: str, openai: FakeOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, seen = openai._look, []

    def counted(batch: dict[str, Any]) -> dict[str, Any]:
        if look(batch)["status"] == "in_progress":
            batch["request_counts"].update(completed=2, failed=1)
        return batch

    openai._look = counted  # type: ignore[method-assign]  # a script
    reader = RequestReader("gpt-5")
    requests = [reader.request(chat_line(f"{n}"), n, "here") for n in range(4)]
    with client(url) as llm, openai_calls(llm, Stop()) as calls:
        engine = ProviderEngine(OpenAIBatches(), calls, tmp_path / "notes")
        monkeypatch.setattr(Stop, "sleep", lambda self, pause_s: seen.append(engine.n_done_there))
        engine.run(iter(requests), lambda outcome: None)
    assert (seen, engine.n_done_there) == ([3], 0)


def test_a_tally_tells_what_waits_at_the_provider() -> None:
    tally = Tally(None)
    tally.n_waiting = lambda: 3
    assert tally.progress().n_waiting == 3
    assert "3 done at the provider" in describe(tally.progress())
