"""Spans and metrics of a model in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry.trace import SpanKind

from local_llm_kit import AsyncLLMClient, InvalidRequestError, LLMClient
from tests.telemetry.conftest import Seen

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]


@pytest.fixture(scope="module")
def client() -> Iterator[LLMClient]:
    with LLMClient("tiny", backend="llama.cpp") as made:
        yield made


def test_model_of_this_process_is_an_internal_span(seen: Seen, client: LLMClient) -> None:
    client.chat.completions.create(messages=HELLO, max_tokens=4)
    told = seen.span.attributes or {}
    assert (seen.span.name, seen.span.kind) == ("chat tiny", SpanKind.INTERNAL)
    assert told["gen_ai.provider.name"] == "llama.cpp"
    assert told["gen_ai.response.finish_reasons"] == ("length",)
    assert told["gen_ai.usage.output_tokens"] == 4
    assert "server.address" not in told


def test_defaults_of_the_client_are_part_of_the_request(seen: Seen, client: LLMClient) -> None:
    client.chat.completions.create(messages=HELLO, max_tokens=1, temperature=None)
    told = seen.span.attributes or {}
    assert (told["gen_ai.request.temperature"], told["gen_ai.request.top_p"]) == (0.7, 0.9)


def test_stream_is_timed_from_its_first_computed_chunk(seen: Seen, client: LLMClient) -> None:
    with client.chat.completions.create(messages=HELLO, max_tokens=4, stream=True) as stream:
        assert seen.spans == []
        assert stream.response.usage is not None
    told = seen.span.attributes or {}
    assert told["gen_ai.response.time_to_first_chunk"] > 0
    assert seen.points("gen_ai.client.operation.time_to_first_chunk")[0].count == 1


def test_stream_that_is_left_ends_its_span_without_an_error(seen: Seen, client: LLMClient) -> None:
    with client.chat.completions.create(messages=HELLO, max_tokens=400, stream=True) as stream:
        next(stream)
        next(stream)
    assert "error.type" not in (seen.span.attributes or {})


def test_text_completion_has_its_own_operation(seen: Seen, client: LLMClient) -> None:
    client.completions.create(prompt="Once", max_tokens=2)
    assert seen.span.name == "text_completion tiny"


def test_embeddings_tell_their_length_and_count_no_output(seen: Seen, client: LLMClient) -> None:
    client.embeddings.create(input=["a", "b"], encoding_format="base64")
    told = seen.span.attributes or {}
    assert seen.span.name == "embeddings tiny"
    assert told["gen_ai.embeddings.dimension.count"] == client.info.n_embd
    assert told["gen_ai.request.encoding_formats"] == ("base64",)
    points = seen.points("gen_ai.client.token.usage")
    assert [point.attributes["gen_ai.token.type"] for point in points] == ["input"]


def test_call_that_is_refused_before_it_begins_has_no_span(seen: Seen, client: LLMClient) -> None:
    with pytest.raises(InvalidRequestError):
        client.chat.completions.create(messages=HELLO, temperature=9)
    assert seen.spans == []


def test_coroutines_are_recorded_as_threads_are(seen: Seen) -> None:
    async def run() -> None:
        async with AsyncLLMClient("tiny", backend="llama.cpp") as client:
            await client.chat.completions.create(messages=HELLO, max_tokens=2)
            stream = await client.chat.completions.create(messages=HELLO, max_tokens=2, stream=True)
            async for _ in stream:
                continue
            await client.embeddings.create(input="a")

    asyncio.run(run())
    assert [span.name for span in seen.spans] == ["chat tiny", "chat tiny", "embeddings tiny"]
