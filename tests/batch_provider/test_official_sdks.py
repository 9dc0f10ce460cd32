"""The official SDKs see the batches that our clients make, and ours read what theirs have made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import anthropic as anthropic_sdk
import openai as openai_sdk
import pytest

from cloud.llm import AnthropicClient
from tests.batch_provider.fake_provider import FakeAnthropic, FakeOpenAI, http, serving
from tests.batch_provider.jobs import KEY, chat_line, notes, run, texts, write
from tests.batch_provider.test_troubles import fail

pytestmark = pytest.mark.slow


@pytest.fixture
def sdk(url: str) -> Iterator[openai_sdk.OpenAI]:
    with openai_sdk.OpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0) as client:
        yield client


def test_openais_sdk_sees_the_batch_that_we_made(
    url: str, openai: FakeOpenAI, sdk: openai_sdk.OpenAI, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a", "A"), chat_line("b", "B")])
    run(url, tmp_path)
    (listed,) = sdk.batches.list().data
    batch = sdk.batches.retrieve(listed.id)
    assert (batch.status, batch.endpoint) == ("completed", "/v1/chat/completions")
    part = (batch.metadata or {})["llm_kit_part"]
    assert len(part) == 16
    assert batch.output_file_id
    lines = sdk.files.content(batch.output_file_id).text.splitlines()
    assert [json.loads(line)["custom_id"] for line in lines] == ["a", "b"]


def test_we_upload_and_ask_what_openais_sdk_does(
    url: str, openai: FakeOpenAI, sdk: openai_sdk.OpenAI, tmp_path: Path
) -> None:
    path = write(tmp_path / "in.jsonl", [chat_line("a", "A"), chat_line("b", "B")])
    with path.open("rb") as file:
        uploaded = sdk.files.create(file=file, purpose="batch")
    sdk.batches.create(
        input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    run(url, tmp_path)
    theirs, ours = openai.batches.values()
    assert openai.asked[theirs["id"]] == openai.asked[ours["id"]]
    same = ("endpoint", "completion_window")
    assert {name: theirs[name] for name in same} == {name: ours[name] for name in same}


def test_a_batch_that_openais_sdk_cancels_ends_our_job_with_what_it_has(
    url: str, openai: FakeOpenAI, sdk: openai_sdk.OpenAI, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a", "A"), chat_line("b", "B")])
    fail(openai, "look", 1, http(401, {}))
    with pytest.raises(Exception, match="401"):
        run(url, tmp_path)
    sdk.batches.cancel(next(iter(openai.batches)))
    report = run(url, tmp_path)
    assert (report.n_answered, report.n_failed) == (1, 1)
    assert not notes(tmp_path).exists()


def test_anthropics_sdk_sees_the_batch_that_we_made(tmp_path: Path, slept: list[float]) -> None:
    fake = FakeAnthropic()
    write(tmp_path / "in.jsonl", [chat_line("a", "A"), chat_line("b", "B")])
    with serving(fake) as url, anthropic_sdk.Anthropic(api_key=KEY, base_url=url) as sdk:
        client = AnthropicClient(KEY, base_url=url)
        client.batch(
            tmp_path / "in.jsonl", tmp_path / "out.jsonl", engine="provider", progress=False
        )
        (batch,) = sdk.messages.batches.list().data
        assert (batch.processing_status, batch.request_counts.succeeded) == ("ended", 2)
    assert texts(tmp_path) == {"a": "A", "b": "B"}


def test_we_ask_anthropic_what_its_sdk_asks(tmp_path: Path, slept: list[float]) -> None:
    fake = FakeAnthropic()
    with serving(fake) as url, anthropic_sdk.Anthropic(api_key=KEY, base_url=url) as sdk:
        sdk.messages.batches.create(
            requests=[
                {
                    "custom_id": "theirs",
                    "params": {
                        "model": "gpt-5",
                        "max_tokens": 7,
                        "messages": [{"role": "user", "content": "A"}],
                        "system": "Be short.",
                    },
                }
            ]
        )
        line = chat_line("a", max_completion_tokens=7)
        line["body"]["messages"] = [
            {"role": "system", "content": "Be short."}, {"role": "user", "content": "A"}
        ]  # fmt: skip
        write(tmp_path / "in.jsonl", [line])
        client = AnthropicClient(KEY, base_url=url)
        client.batch(
            tmp_path / "in.jsonl", tmp_path / "out.jsonl", engine="provider", progress=False
        )
    (theirs,), (ours,) = fake.asked.values()
    assert theirs["params"] == ours["params"]
