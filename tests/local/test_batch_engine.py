"""A job's requests, answered by the bundled model in this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from LLM import InvalidRequestError, LLMContextLengthError, LLMServerError, ModelNotFoundError
from LLM.batch.parsing import RequestReader
from LLM.batch.types import BatchOutcome, BatchRequest
from local_llm_kit import LLMClient
from local_llm_kit.batch import LocalEngine
from tests.local.server.models import until
from tests.local.support import slow_down

HELLO = [{"role": "user", "content": "Hello!"}]
CHAT, TEXT, EMBED = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"


@pytest.fixture(scope="module")
def client() -> Iterator[LLMClient]:
    with LLMClient("tiny", n_slots=2) as client:
        yield client


def request(index: int, body: dict[str, Any], url: str = CHAT) -> BatchRequest:
    raw = {"custom_id": str(index), "method": "POST", "url": url, "body": body}
    return RequestReader(None).request(raw, index, "in")


def chats(n: int, **fields: Any) -> list[BatchRequest]:
    return [request(i, {"messages": HELLO, "max_tokens": 3, "seed": i, **fields}) for i in range(n)]


def outcomes(
    client: LLMClient, requests: Iterator[BatchRequest] | list[BatchRequest], **options: Any
) -> list[BatchOutcome]:
    ended: list[BatchOutcome] = []
    LocalEngine(client._catalog, **options).run(iter(requests), ended.append)
    return sorted(ended, key=lambda outcome: outcome.request.index)


def body_of(outcome: BatchOutcome) -> dict[str, Any]:
    assert outcome.answer is not None, outcome.error
    body: dict[str, Any] = json.loads(outcome.answer)
    return body


@pytest.mark.parametrize("concurrency", [None, 1, 9], ids=["slots", "one", "more than slots"])
def test_every_request_ends_once(client: LLMClient, concurrency: int | None) -> None:
    ended = outcomes(client, chats(20), concurrency=concurrency)
    assert [outcome.request.index for outcome in ended] == list(range(20))
    assert {outcome.status_code for outcome in ended} == {200}
    assert body_of(ended[3])["choices"][0]["message"]["role"] == "assistant"


def test_an_answer_is_that_of_a_call(client: LLMClient) -> None:
    (outcome,) = outcomes(client, chats(1, seed=7))
    called = client.chat.completions.create(messages=HELLO, max_tokens=3, seed=7)
    body = body_of(outcome)
    assert body["choices"][0]["message"]["content"] == called.text
    assert outcome.usage is not None
    assert outcome.usage.completion_tokens == called.usage.completion_tokens
    assert outcome.model == body["model"] == "tiny"


@pytest.mark.parametrize(
    ("url", "body", "path"),
    [
        (TEXT, {"prompt": ["One", "Two"], "max_tokens": 2}, "text_completion"),
        (EMBED, {"input": ["One", "Two"]}, "list"),
    ],
    ids=["completions", "embeddings"],
)
def test_other_calls_are_answered_too(
    client: LLMClient, url: str, body: dict[str, Any], path: str
) -> None:
    (outcome,) = outcomes(client, [request(0, body, url)])
    answer = body_of(outcome)
    assert answer["object"] == path
    assert len(answer.get("choices") or answer["data"]) == 2
    assert outcome.usage is not None
    assert outcome.usage.prompt_tokens > 0


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"messages": [{"role": "user", "content": "long " * 9000}]}, LLMContextLengthError),
        ({"messages": HELLO, "model": "no-such-model"}, ModelNotFoundError),
        ({"messages": HELLO, "nonsense": 1}, InvalidRequestError),
    ],
    ids=["too long", "another model", "an unknown field"],
)
def test_a_request_that_fails_ends_no_other(
    client: LLMClient, body: dict[str, Any], error: type[Exception]
) -> None:
    first, second = outcomes(client, [request(0, body), request(1, {"messages": HELLO, "n": 1})])
    assert isinstance(first.error, error)
    assert first.status_code == first.error.status_code
    assert second.error is None


def test_a_queue_that_others_have_filled_is_waited_for() -> None:
    with LLMClient("tiny", n_slots=1, max_queue=0) as client:
        ended = outcomes(client, chats(6), concurrency=4)
    assert [outcome.error for outcome in ended] == [None] * 6


def test_a_memory_is_no_part_of_a_job() -> None:
    with LLMClient("tiny") as client:
        client.enable_memory()
        client.chat.completions.create(messages=HELLO, max_tokens=3)
        before = client.get_memory()
        (outcome,) = outcomes(client, chats(1))
        assert outcome.usage is not None
        assert outcome.usage.prompt_tokens == client.count_tokens(HELLO)
        assert client.get_memory() == before


def test_a_client_that_is_closed_ends_the_job() -> None:
    client = LLMClient("tiny")
    closing = threading.Event()

    def requests() -> Iterator[BatchRequest]:
        yield from chats(3, max_tokens=None)
        client.close()
        closing.set()
        yield from chats(3)

    with pytest.raises(LLMServerError, match="closed"):
        outcomes(client, requests(), concurrency=1)
    assert closing.is_set()


def test_what_interrupts_the_job_ends_what_runs(client: LLMClient) -> None:
    def requests() -> Iterator[BatchRequest]:
        # Longer than any test may take, unless they are cut.
        yield from chats(2, max_tokens=None, logit_bias=_endless(client))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcomes(client, requests(), concurrency=3)
    assert outcomes(client, chats(1))[0].error is None
    assert not [one for one in threading.enumerate() if one.name.startswith("llm-batch")]


def test_what_interrupts_the_job_ends_a_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    long = [{"role": "user", "content": f"The number {i} is here."} for i in range(200)]

    def requests() -> Iterator[BatchRequest]:
        yield request(0, {"messages": long, "overflow": "summarise"})
        until(lambda: client.stats.n_waiting == 1)
        raise KeyboardInterrupt

    with LLMClient("tiny", context_length=1024, n_slots=1) as client:
        client.load()
        slow_down(*client._catalog.loaded_models(), monkeypatch)
        stream = client.completions.create(prompt="A", stream=True, logit_bias=_endless(client))
        next(stream)
        with pytest.raises(KeyboardInterrupt):
            outcomes(client, requests(), concurrency=2)
        until(lambda: client.stats.n_waiting == 0)
        assert client.stats.n_running == 1, "the summary waited for its turn until it was given up"
        stream.close()


def _endless(client: LLMClient) -> dict[str, int]:
    return {str(token): -100 for token in client.info.end_tokens}


@pytest.mark.parametrize(
    ("url", "body"),
    [
        (CHAT, {"messages": HELLO}),
        (CHAT, {"messages": HELLO, "n": 2}),
        (CHAT, {"messages": HELLO, "response_format": {"type": "json_object"}}),
        (TEXT, {"prompt": "Once"}),
        (TEXT, {"prompt": [[5, 6, 7], [8]]}),
        (EMBED, {"input": ["One", "Two words"]}),
        (EMBED, {"input": [5, 6, 7]}),
    ],
    ids=["chat", "choices", "JSON", "text", "tokens", "embeddings", "embedded tokens"],
)
def test_prompts_are_counted_as_they_are_billed(
    client: LLMClient, url: str, body: dict[str, Any]
) -> None:
    limit = {} if url == EMBED else {"max_tokens": 1}
    asked = request(0, {**body, **limit}, url)
    (outcome,) = outcomes(client, [asked])
    assert outcome.usage is not None
    assert LocalEngine(client._catalog).count_tokens(asked) == outcome.usage.prompt_tokens


@pytest.mark.parametrize(
    "refused",
    [
        request(0, {"messages": HELLO, "nonsense": 1}),
        request(0, {"input": ["a", 5]}, EMBED),
        request(0, {"input": [[]]}, EMBED),
    ],
    ids=["unknown", "no text", "empty"],
)
def test_a_request_that_would_be_refused_counts_nothing(
    client: LLMClient, refused: BatchRequest
) -> None:
    assert LocalEngine(client._catalog).count_tokens(refused) == 0


def test_a_time_to_wait_is_no_part_of_what_is_counted(client: LLMClient) -> None:
    asked = [request(0, {"input": "Hello!", **more}, EMBED) for more in ({}, {"timeout": 9})]
    counts = [LocalEngine(client._catalog).count_tokens(one) for one in asked]
    assert counts[0] == counts[1] > 0
