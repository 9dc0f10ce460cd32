"""Jobs through Anthropic's message batches: its words on the wire, OpenAI's in the files."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.llm import AnthropicClient, AsyncAnthropicClient, GeminiClient
from LLM.batch.report import BatchReport
from LLM.batch.stop import Stop
from LLM.exceptions import InvalidRequestError, LLMAuthError, LLMConfigError
from LLM.types import ChatCompletionResponse
from tests.batch_provider.fake_provider import FakeAnthropic, http, serving
from tests.batch_provider.jobs import KEY, chat_line, errors, lines_of, notes, texts, write

pytestmark = pytest.mark.slow


@pytest.fixture
def anthropic() -> FakeAnthropic:
    return FakeAnthropic()


@pytest.fixture
def url(anthropic: FakeAnthropic, slept: list[float]) -> Iterator[str]:
    with serving(anthropic) as address:
        yield address


def run(url: str, folder: Path, **options: Any) -> BatchReport:
    client = AnthropicClient(KEY, base_url=url, retry_delay=1, jitter=0)
    options = {"engine": "provider", "progress": False, **options}
    return client.batch(folder / "in.jsonl", folder / "out.jsonl", **options)


def test_a_job_is_one_batch_in_anthropics_words(
    url: str, anthropic: FakeAnthropic, tmp_path: Path
) -> None:
    lines = [chat_line(f"the id: {n}", f"text {n}", max_tokens=n + 1) for n in range(4)]
    write(tmp_path / "in.jsonl", lines)
    report = run(url, tmp_path)
    (asked,) = anthropic.asked.values()
    assert [request["params"] for request in asked] == [
        {
            "model": "gpt-5",
            "max_tokens": n + 1,
            "messages": [{"role": "user", "content": f"text {n}"}],
        }
        for n in range(4)
    ]
    assert texts(tmp_path) == {f"the id: {n}": f"text {n}" for n in range(4)}
    assert (report.n_answered, report.usage.total_tokens) == (4, 60)
    assert not notes(tmp_path).exists()


def test_the_clients_model_is_asked_where_none_is_named(
    url: str, anthropic: FakeAnthropic, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a", model=None)])
    run(url, tmp_path)
    (asked,) = anthropic.asked.values()
    assert asked[0]["params"]["model"] == AnthropicClient.default_model


def test_an_answer_is_a_chat_completion(url: str, anthropic: FakeAnthropic, tmp_path: Path) -> None:
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "text", "text": "Calling."},
        {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}},
    ]
    usage = {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 5}
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": content, "stop_reason": "tool_use", "usage": usage,
    }  # fmt: skip
    anthropic.answer = lambda custom_id, params: {"type": "succeeded", "message": message}
    write(tmp_path / "in.jsonl", [chat_line("a")])
    report = run(url, tmp_path)
    (line,) = lines_of(tmp_path / "out.jsonl")
    assert (line["response"]["status_code"], line["response"]["request_id"]) == (200, "msg_1")
    answer = ChatCompletionResponse.model_validate(line["response"]["body"])
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", "Calling.")
    assert choice.message.tool_calls
    assert choice.message.tool_calls[0].function.arguments == '{"a":1}'
    told = line["response"]["body"]["choices"][0]["message"]
    assert (told["reasoning_content"], told["thinking_blocks"]) == ("Hm.", [content[0]])
    assert (report.usage.prompt_tokens, report.usage.completion_tokens) == (8, 4)


def test_a_request_that_failed_has_the_error_of_a_single_call(
    url: str, anthropic: FakeAnthropic, tmp_path: Path
) -> None:
    error = {"type": "rate_limit_error", "message": "slow down"}
    told = {"type": "errored", "error": {"type": "error", "error": error, "request_id": "req_9"}}
    anthropic.answer = lambda custom_id, params: told
    write(tmp_path / "in.jsonl", [chat_line("a")])
    run(url, tmp_path)
    (line,) = lines_of(tmp_path / "out.errors.jsonl")
    assert line["error"]["type"] == "LLMRateLimitError"
    assert (line["response"]["status_code"], line["response"]["request_id"]) == (429, "req_9")


@pytest.mark.parametrize(
    ("ending", "code"), [("expired", "batch_expired"), ("canceled", "batch_cancelled")]
)
def test_a_batch_that_ends_early_gives_what_it_has(
    url: str, anthropic: FakeAnthropic, tmp_path: Path, ending: str, code: str
) -> None:
    anthropic.ending = ending
    write(tmp_path / "in.jsonl", [chat_line(f"{n}") for n in range(4)])
    report = run(url, tmp_path)
    assert (report.n_answered, report.n_failed) == (2, 2)
    assert {error["code"] for error in errors(tmp_path).values()} == {code}
    anthropic.ending = "completed"
    assert run(url, tmp_path, retry_errors=True).n_failed == 0


@pytest.mark.parametrize(
    "line",
    [chat_line("a", n=2), {"custom_id": "a", "url": "/v1/embeddings", "body": {"input": "x"}}],
    ids=["two answers", "embeddings"],
)
def test_what_anthropic_has_no_form_for_is_refused_before_anything_is_sent(
    url: str, anthropic: FakeAnthropic, tmp_path: Path, line: dict[str, Any]
) -> None:
    write(tmp_path / "in.jsonl", [line])
    try:
        run(url, tmp_path)
    except InvalidRequestError as err:
        told = str(err)
    else:
        told = errors(tmp_path)["a"]["message"]
    assert "n is not 1" in told or "/v1/chat/completions" in told
    assert not anthropic.batches


def test_results_are_read_at_the_clients_address_alone(
    url: str, anthropic: FakeAnthropic, tmp_path: Path
) -> None:
    """Its `results_url` is elsewhere here, and the key would go along."""
    write(tmp_path / "in.jsonl", [chat_line("a")])
    run(url, tmp_path)
    (batch,) = anthropic.batches.values()
    assert batch["results_url"].startswith("https://elsewhere.invalid")
    assert f"GET /v1/messages/batches/{batch['id']}/results" in anthropic.calls


def lose_the_answer(anthropic: FakeAnthropic) -> None:
    """Have the connection break just when a batch was made."""

    def fault(request: Any) -> Any:
        if request.method == "POST":
            anthropic.fault = None
            anthropic.route(request)
            return http(401, {"error": {"message": "lost"}})
        return None

    anthropic.fault = fault


def add_foreign(anthropic: FakeAnthropic, n_requests: int) -> str:
    """A batch that somebody else makes."""
    params = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    requests = [{"custom_id": f"theirs-{n}", "params": params} for n in range(n_requests)]
    return str(anthropic._create({"requests": requests})["id"])


def test_a_batch_whose_making_was_not_noted_is_found_again(
    url: str, anthropic: FakeAnthropic, tmp_path: Path
) -> None:
    add_foreign(anthropic, 2)
    lose_the_answer(anthropic)
    write(tmp_path / "in.jsonl", [chat_line("a", "A"), chat_line("b", "B")])
    with pytest.raises(LLMAuthError):
        run(url, tmp_path)
    run(url, tmp_path)
    assert texts(tmp_path) == {"a": "A", "b": "B"}
    assert len(anthropic.batches) == 2


def test_a_batch_that_only_looks_like_ours_is_not_taken_for_it(
    url: str, anthropic: FakeAnthropic, tmp_path: Path
) -> None:
    lose_the_answer(anthropic)
    write(tmp_path / "in.jsonl", [chat_line("a", "A"), chat_line("b", "B")])
    with pytest.raises(LLMAuthError):
        run(url, tmp_path)
    # Newer than ours, and of as many requests.
    theirs = add_foreign(anthropic, 2)
    run(url, tmp_path)
    assert texts(tmp_path) == {"a": "A", "b": "B"}
    assert list(anthropic.batches)[1:] == [theirs]


def test_a_batch_that_was_never_made_is_made_once(
    url: str, anthropic: FakeAnthropic, tmp_path: Path
) -> None:
    anthropic.fault = lambda request: http(401, {}) if request.method == "POST" else None
    write(tmp_path / "in.jsonl", [chat_line("a", "A")])
    with pytest.raises(LLMAuthError):
        run(url, tmp_path)
    anthropic.fault = None
    theirs = add_foreign(anthropic, 1)
    run(url, tmp_path)
    assert texts(tmp_path) == {"a": "A"}
    assert [batch for batch in anthropic.batches if batch != theirs] == ["msgbatch_2"]


def test_the_async_client_runs_the_same_job(
    url: str, anthropic: FakeAnthropic, tmp_path: Path
) -> None:
    async def job() -> BatchReport:
        async with AsyncAnthropicClient(KEY, base_url=url) as client:
            return await client.batch(
                write(tmp_path / "in.jsonl", [chat_line("a", "A")]),
                tmp_path / "out.jsonl",
                engine="provider",
                progress=False,
            )

    assert asyncio.run(job()).n_answered == 1
    assert texts(tmp_path) == {"a": "A"}


def test_a_task_that_is_cancelled_leaves_the_batch_running(
    anthropic: FakeAnthropic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anthropic.looks = 9
    waiting = threading.Event()
    sleep = Stop.sleep

    def patient(self: Stop, seconds: float) -> None:
        waiting.set()
        sleep(self, seconds)

    monkeypatch.setattr(Stop, "sleep", patient)
    write(tmp_path / "in.jsonl", [chat_line("a", "A")])

    async def job(url: str) -> None:
        client = AsyncAnthropicClient(KEY, base_url=url)
        output = tmp_path / "out.jsonl"
        task = asyncio.create_task(
            client.batch(tmp_path / "in.jsonl", output, engine="provider", progress=False)
        )
        await asyncio.to_thread(waiting.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await client.cancel_batch(output) == ["msgbatch_1"]

    with serving(anthropic) as url:
        asyncio.run(job(url))
    assert anthropic.batches["msgbatch_1"]["processing_status"] == "canceling"


def test_a_provider_without_a_batch_endpoint_says_so(tmp_path: Path) -> None:
    client = GeminiClient(KEY)
    with pytest.raises(InvalidRequestError, match="no batch endpoint") as caught:
        client.batch(["x"], tmp_path / "out.jsonl", engine="provider")
    assert caught.value.code == "no_batch_api"


def test_a_providers_batch_needs_an_output_file() -> None:
    with pytest.raises(LLMConfigError, match="name a file"):
        AnthropicClient(KEY).batch(["x"], engine="provider", progress=False)
