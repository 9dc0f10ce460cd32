"""All that real calls record, held against the published conventions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.semconv._incubating.attributes import openai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import SpanKind

from cloud.llm import AnthropicClient, GeminiClient, OpenAICompatClient
from LLM import LLM, LLMConfig, LLMError
from LLM.telemetry import names
from LLM.telemetry.peers import peer_of
from llmring.mcp.client.calls import CallSettings, RoundOfCalls
from llmring.mcp.tools import Tool, ToolResult
from local_llm_kit import LLMClient
from tests.cloud.anthropic import wire as claude
from tests.cloud.gemini import wire as gemini
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer
from tests.telemetry import published
from tests.telemetry.conftest import Seen

ASKED: dict[str, Any] = {
    "temperature": 1, "max_tokens": 4, "top_p": 1, "stop": ["END"], "seed": 7, "n": 2,
    "frequency_penalty": 0, "presence_penalty": 0, "response_format": {"type": "json_object"},
    "service_tier": "flex",
    "tools": [{"type": "function", "function": {"name": "adder", "parameters": {}}}],
}  # fmt: skip
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
RICH = {
    **wire.CHAT,
    "service_tier": "flex",
    "system_fingerprint": "fp",
    "usage": {
        "prompt_tokens": 9,
        "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    },
}
EVENTS = [{"choices": [{"delta": {"content": "Hi"}}]}, {"choices": [{"finish_reason": "stop"}]}]


def _llm(script: Any, call: Callable[[LLM], Any]) -> None:
    with (
        ScriptedServer((script,)) as server,
        LLM(LLMConfig(base_url=server.url, model="tiny", max_retries=0)) as llm,
    ):
        call(llm)


def _whole() -> None:
    _llm(wire.answer(RICH), lambda llm: llm.chat_completion(MESSAGES, **ASKED))


def _completed() -> None:
    _llm(wire.answer(wire.COMPLETION), lambda llm: llm.completion("Once"))


def _streamed() -> None:
    lines = [*(json.dumps(event) for event in EVENTS), "[DONE]"]
    body = "".join(f"data: {line}\n\n" for line in lines).encode()
    script = wire.answer(body, content_type="text/event-stream")
    _llm(script, lambda llm: list(llm.chat_completion(MESSAGES, stream=True)))


def _refused() -> None:
    def call(llm: LLM) -> None:
        with pytest.raises(LLMError):
            llm.chat_completion(MESSAGES)

    _llm(wire.answer({}, 500), call)


def _providers() -> None:
    answers = {
        AnthropicClient: claude.message(claude.text("Hello!")),
        GeminiClient: gemini.answer(gemini.text("Hello!")),
        OpenAICompatClient: RICH,
    }
    for kind, answer in answers.items():
        with ScriptedServer((wire.answer(answer),)) as server:
            client: Any = kind("sk-test-1234", "some-model", server.url)
            client.chat(MESSAGES[1:], system="Be brief.", max_tokens=9, top_k=3, top_p=0.5)


def _local() -> None:
    with LLMClient("tiny", backend="llama.cpp") as client:
        client.chat.completions.create(messages=MESSAGES, max_tokens=2)
        list(client.chat.completions.create(messages=MESSAGES, max_tokens=2, stream=True))
        client.completions.create(prompt="Once", max_tokens=2)
        client.embeddings.create(input="a", encoding_format="float")


def _tools() -> None:
    async def add(arguments: dict[str, Any], progress: object) -> ToolResult:
        return ToolResult("3")

    tool = Tool("adder", "Adds.", {"type": "object"}, add)
    asked = {"id": "call_1", "function": {"name": "adder", "arguments": "{}"}}

    async def run() -> None:
        calls = RoundOfCalls([asked], {"adder": tool}, CallSettings(), 1)
        async for _ in calls.events():
            continue

    asyncio.run(run())


CALLS = [_whole, _completed, _streamed, _refused, _providers, _local, _tools]


@pytest.fixture(params=CALLS, ids=lambda call: call.__name__.strip("_"))
def recorded(request: pytest.FixtureRequest, seen: Seen) -> Seen:
    """What calls of one kind have recorded, content included."""
    seen.record(capture_content=True)
    request.param()
    assert seen.spans
    return seen


def _told(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_every_attribute_is_published(recorded: Seen) -> None:
    told = {name for span in recorded.spans for name in _told(span)}
    assert told - published.attribute_names() == set()


def test_every_span_has_what_its_operation_requires(recorded: Seen) -> None:
    for span in recorded.spans:
        told = _told(span)
        assert published.REQUIRED[told["gen_ai.operation.name"]] - told.keys() == set()
        assert ("server.address" in told) == ("server.port" in told)
        assert ("error.type" in told) == (not span.status.is_unset)
        assert ("server.address" in told) == (span.kind is SpanKind.CLIENT)


def test_every_span_is_named_by_operation_and_object(recorded: Seen) -> None:
    for span in recorded.spans:
        told = _told(span)
        named = told.get("gen_ai.request.model") or told["gen_ai.tool.name"]
        assert span.name == f"{told['gen_ai.operation.name']} {named}"


def test_every_value_has_its_type(recorded: Seen) -> None:
    for span in recorded.spans:
        for name, value in _told(span).items():
            assert type(value) is published.TYPES.get(name, str), name


def test_operations_and_tokens_have_well_known_values(recorded: Seen) -> None:
    operations = {_told(span)["gen_ai.operation.name"] for span in recorded.spans}
    assert operations <= published.values_of("GenAiOperationNameValues")
    kinds = {_told(span).get("gen_ai.output.type", "text") for span in recorded.spans}
    assert kinds <= published.values_of("GenAiOutputTypeValues")
    points = recorded.points("gen_ai.client.token.usage")
    tokens = {point.attributes["gen_ai.token.type"] for point in points}
    assert tokens <= published.values_of("GenAiTokenTypeValues")


def test_every_metric_is_as_published(recorded: Seen) -> None:
    for name, metric in recorded.metrics.items():
        unit, buckets = published.METRICS[name]
        assert metric.unit == unit
        for point in metric.data.data_points:
            assert point.explicit_bounds == buckets
            assert point.attributes.keys() >= published.POINT_REQUIRED
            assert point.attributes.keys() <= published.POINT_ATTRIBUTES[name]


def test_spans_say_which_version_they_follow(recorded: Seen) -> None:
    scopes = {span.instrumentation_scope.schema_url for span in recorded.spans}
    assert scopes == {names.SCHEMA_URL}
    assert names.SCHEMA_URL in {schema.value for schema in Schemas}


def test_names_that_we_spell_are_published_or_ours() -> None:
    spelt = {value for name, value in vars(names).items() if name.isupper()}
    attributes = {value for value in spelt if isinstance(value, str) and "." in value}
    metrics = {value for value in vars(gen_ai_metrics).values() if isinstance(value, str)}
    unknown = attributes - published.attribute_names() - metrics
    unknown -= {names.CONVENTIONS_VERSION, names.SCHEMA_URL}
    assert {name for name in unknown if not name.startswith("llm_kit.")} == set()


@pytest.mark.parametrize("name", published.METRICS)
def test_units_are_those_of_the_package(name: str) -> None:
    made: list[str] = []

    class Meter:
        def create_histogram(self, name: str, description: str, unit: str) -> None:
            made.append(unit)

    maker = f"create_{name.replace('.', '_')}"
    getattr(gen_ai_metrics, maker)(Meter())
    assert made == [published.METRICS[name][0]]


def test_api_type_is_well_known(seen: Seen) -> None:
    _whole()
    told = (seen.span.attributes or {})["openai.api.type"]
    assert told in {one.value for one in openai_attributes.OpenaiApiTypeValues}


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://eu.api.openai.com/v1", "openai"),
        ("https://name.openai.azure.com", "azure.ai.openai"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://api.mistral.ai/v1", "mistral_ai"),
        ("https://api.x.ai/v1", "x_ai"),
        ("https://generativelanguage.googleapis.com", "gcp.gemini"),
        ("https://bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
        ("https://api.groq.com.example.org", "openai"),
        ("http://127.0.0.1:8000", "openai"),
    ],
)
def test_provider_is_told_by_the_host(url: str, provider: str) -> None:
    assert peer_of(url).provider == provider
    assert provider in published.values_of("GenAiProviderNameValues")
