"""Spans of our servers, and traces that go through them."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import Iterator

import pytest
from opentelemetry.trace import SpanKind

from LLM import LLM, AsyncLLM, InvalidRequestError, LLMConfig
from local_llm_kit.load_options import LoadOptions
from local_llm_kit.server import LocalServer
from local_llm_kit.server.options import ServerOptions
from tests.telemetry import published
from tests.telemetry.conftest import Seen


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    """A server in this process, where its spans can be seen."""
    listens = threading.Event()
    server = LocalServer("tiny", ServerOptions(port=0), LoadOptions(backend="llama.cpp"))
    thread = threading.Thread(target=server.run, args=(lambda url: listens.set(),), daemon=True)
    thread.start()
    assert listens.wait(30)
    yield server.url
    server.stop()
    thread.join(30)
    assert not thread.is_alive()


HELLO = [{"role": "user", "content": "Hello!"}]


def _config(url: str) -> LLMConfig:
    return LLMConfig(base_url=url, model="tiny", max_tokens=2)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_trace_goes_from_the_client_through_the_server_to_the_model(
    seen: Seen, server_url: str, stream: bool
) -> None:
    seen.record(propagate=True)
    with LLM(_config(server_url)) as llm:
        answer = llm.chat_completion(HELLO, stream=stream)
        if stream:
            assert answer.response.text
    seen.wait_for(3)
    client, model, server = sorted(seen.spans, key=lambda span: span.kind.name)
    assert [client.kind, model.kind, server.kind] == [
        SpanKind.CLIENT,
        SpanKind.INTERNAL,
        SpanKind.SERVER,
    ]
    assert server.parent.span_id == client.context.span_id
    assert model.parent.span_id == server.context.span_id
    assert server.name == "POST /v1/chat/completions"
    assert server.attributes["http.response.status_code"] == 200
    assert model.name == "chat tiny"
    assert model.attributes["gen_ai.usage.output_tokens"] == 2


def test_coroutines_send_the_trace_along(seen: Seen, server_url: str) -> None:
    seen.record(propagate=True)

    async def run() -> None:
        async with AsyncLLM(_config(server_url)) as llm:
            await llm.chat_completion(HELLO)

    asyncio.run(run())
    seen.wait_for(3)
    assert len({span.context.trace_id for span in seen.spans}) == 1


def test_trace_stays_here_unless_it_is_sent_along(seen: Seen, server_url: str) -> None:
    with LLM(_config(server_url)) as llm:
        llm.chat_completion(HELLO)
    seen.wait_for(3)
    assert len({span.context.trace_id for span in seen.spans}) == 2


def test_refusal_of_the_server_is_no_failure_of_it(seen: Seen, server_url: str) -> None:
    with LLM(_config(server_url)) as llm, pytest.raises(InvalidRequestError):
        llm.chat_completion(HELLO, top_p=9)
    seen.wait_for(2)
    server = next(span for span in seen.spans if span.kind is SpanKind.SERVER)
    assert server.attributes["http.response.status_code"] == 400
    assert server.status.is_unset


def test_embeddings_of_the_server_are_recorded(seen: Seen, server_url: str) -> None:
    request = urllib.request.Request(
        f"{server_url}/v1/embeddings",
        json.dumps({"model": "tiny", "input": "a"}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    seen.wait_for(2)
    assert {span.name for span in seen.spans} == {"embeddings tiny", "POST /v1/embeddings"}


def test_span_of_a_server_follows_the_conventions_of_http(seen: Seen, server_url: str) -> None:
    with LLM(_config(server_url)) as llm:
        llm.list_models()
    seen.wait_for(1)
    told = dict(seen.span.attributes or {})
    assert published.REQUIRED["server"] <= told.keys() <= published.attribute_names()
    assert seen.span.name == "GET /v1/models"
