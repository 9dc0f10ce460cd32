"""The Ollama provider against a scripted server: what is sent, and what its answers become."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from cloud import close_all_cloud_clients
from cloud.llm.events import TextDelta, ToolCallDelta
from cloud.llm.json_schema import JSONSchema
from LLM import LLMResponseError
from llmring.exceptions import ValidationError
from llmring.providers.base import ProviderCall
from llmring.providers.ollama.provider import OllamaProvider
from tests.llmring.providers.ollama_server import (
    CALL,
    NATIVE,
    PARIS,
    TURNS,
    USER,
    WEATHER,
    Ollama,
    answer,
    both,
    call,
    calls_of,
    with_provider,
)


class Day(BaseModel):
    name: str


@both
def test_a_plain_call_asks_nothing_else(streamed: bool) -> None:
    server = Ollama()
    found = answer(server, call(temperature=0.5, max_tokens=9), streamed=streamed)
    assert (found.content, found.usage.total_tokens, server.asked) == ("Hello!", 5, ["/api/chat"])
    assert server.bodies[0]["options"] == {"temperature": 0.5, "num_predict": 9}


@both
def test_a_model_that_has_tools_is_given_them(streamed: bool) -> None:
    server = Ollama([NATIVE, NATIVE], can=["completion", "tools"])
    found = answer(server, call(tools=[WEATHER]), streamed=streamed)
    assert calls_of(found) == [*PARIS, ("call_1", "get_weather", {"city": "Paris"})]
    assert found.finish_reason == "tool_calls"
    assert [tool["function"]["name"] for tool in server.bodies[0]["tools"]] == ["get_weather"]
    assert server.bodies[0]["messages"] == [USER]


@both
def test_a_model_that_has_none_is_told_of_them(streamed: bool) -> None:
    server = Ollama(f"I look.\n<tool_call>\n{CALL}\n</tool_call>")
    found = answer(server, call(tools=[WEATHER]), streamed=streamed)
    assert (found.content, calls_of(found), found.finish_reason) == ("I look.", PARIS, "tool_calls")
    body = server.bodies[0]
    assert not {"tools", "format"}.intersection(body)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert '"get_weather"' in body["messages"][0]["content"]


def test_text_streams_before_the_call_is_complete() -> None:
    async def read(provider: OllamaProvider) -> list[Any]:
        return [event async for event in provider.stream(call(tools=[WEATHER]))]

    events = with_provider(Ollama(f"One moment, I look. {CALL}"), read)
    kinds = [type(event) for event in events if isinstance(event, (TextDelta, ToolCallDelta))]
    assert kinds.count(TextDelta) >= 3
    assert kinds[-1] is ToolCallDelta


@both
@pytest.mark.parametrize("choice", ["required", "get_weather", {"type": "any"}], ids=str)
def test_a_call_is_forced_by_its_form(streamed: bool, choice: Any) -> None:
    server = Ollama(CALL, can=["completion", "tools"])
    asked = call(tools=[WEATHER], tool_choice=choice, response_format=Day)
    assert calls_of(answer(server, asked, streamed=streamed)) == PARIS
    assert server.asked == ["/api/chat"]
    form = server.bodies[0]["format"]["properties"]
    assert (form["name"]["enum"], form["arguments"]["type"]) == (["get_weather"], "object")
    assert "tools" not in server.bodies[0]


@both
def test_a_forced_call_that_does_not_come_is_an_error(streamed: bool) -> None:
    with pytest.raises(LLMResponseError, match="was to call a tool"):
        answer(Ollama("Sunny."), call(tools=[WEATHER], tool_choice="required"), streamed=streamed)


def test_no_tool_is_offered_where_none_may_be_called() -> None:
    server = Ollama(can=["completion", "tools"])
    answer(server, call(tools=[WEATHER], tool_choice="none"))
    assert (server.asked, "tools" in server.bodies[0]) == (["/api/chat"], False)


def test_a_conversation_with_calls_is_text_to_a_model_without_tools() -> None:
    server = Ollama()
    answer(server, call(TURNS))
    roles = [message["role"] for message in server.bodies[0]["messages"]]
    assert roles == ["user", "assistant", "user"]
    assert "<tool_call>" in server.bodies[0]["messages"][1]["content"]
    assert '"content":"Sunny."' in server.bodies[0]["messages"][2]["content"]


def test_a_conversation_with_calls_stays_so_where_the_model_has_tools() -> None:
    server = Ollama(can=["completion", "tools"])
    answer(server, call(TURNS))
    assert [message["role"] for message in server.bodies[0]["messages"]] == [
        "user", "assistant", "tool",
    ]  # fmt: skip


def test_ids_go_on_through_a_conversation() -> None:
    found = answer(Ollama(f"{CALL} {CALL}"), call(TURNS, tools=[WEATHER]))
    assert [one.id for one in found.tool_calls] == ["call_1", "call_2"]


@pytest.mark.parametrize(
    "fields",
    [
        {"extra": {"parallel_tool_calls": False}},
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    ],
    ids=["openai", "anthropic"],
)
def test_one_call_at_most_is_a_matter_of_the_prompt(fields: dict[str, Any]) -> None:
    server = Ollama(f"{CALL} {CALL}", can=["completion", "tools"])
    assert calls_of(answer(server, call(tools=[WEATHER], **fields))) == PARIS
    assert "at most one tool" in server.bodies[0]["messages"][0]["content"]
    assert "parallel_tool_calls" not in server.bodies[0]


FORMS = {
    "class": Day,
    "schema": JSONSchema(Day.model_json_schema()),
    "dict": {"type": "json_schema", "json_schema": {"name": "Day", "schema": {"title": "Day"}}},
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_beside_prompted_tools_is_told_and_not_held(name: str) -> None:
    server = Ollama('{"name": "Monday"}')
    found = answer(server, call(tools=[WEATHER], response_format=FORMS[name]))
    assert (found.content, found.tool_calls) == ('{"name": "Monday"}', [])
    assert '"title":"Day"' in server.bodies[0]["messages"][0]["content"]
    assert "format" not in server.bodies[0]


def test_any_json_beside_prompted_tools_is_asked_for() -> None:
    server = Ollama("{}")
    answer(server, call(tools=[WEATHER], response_format={"type": "json_object"}))
    assert "one JSON object" in server.bodies[0]["messages"][0]["content"]


@both
def test_a_form_alone_is_held_by_the_server(streamed: bool) -> None:
    server = Ollama('{"name": "Monday"}')
    found = answer(server, call(response_format=Day), streamed=streamed)
    assert found.parsed == Day(name="Monday")
    assert server.bodies[0]["format"]["properties"]["name"]["type"] == "string"


def test_a_models_own_options_are_sent() -> None:
    server = Ollama()
    extra = {"num_ctx": 8192, "mirostat": 2, "keep_alive": "10m", "options": {"num_gpu": 1}}
    answer(server, call(extra=extra))
    assert server.bodies[0]["options"] == {"num_gpu": 1, "num_ctx": 8192, "mirostat": 2}
    assert server.bodies[0]["keep_alive"] == "10m"


def test_hints_for_caches_are_left_out_and_what_is_more_is_refused() -> None:
    server = Ollama()
    answer(server, call(cache={"cache_control": {"type": "ephemeral"}}))
    assert "cache_control" not in server.bodies[0]
    with pytest.raises(ValidationError, match="cache has 'cached_content'"):
        answer(server, call(cache={"cached_content": "x"}))


@both
def test_leaving_early_ends_the_connection(streamed: bool) -> None:
    async def leave(provider: OllamaProvider) -> list[Any]:
        stream = provider.stream(call(tools=[WEATHER] if streamed else None))
        async for _ in stream:
            break
        await stream.aclose()
        await stream.aclose()
        return [event async for event in stream]

    assert with_provider(Ollama("Hello! " * 50), leave) == []


def test_a_stream_that_is_never_iterated_sends_nothing() -> None:
    server = Ollama()

    async def leave(provider: OllamaProvider) -> None:
        await provider.stream(call(tools=[WEATHER])).aclose()

    with_provider(server, leave)
    assert server.asked == []


AT = {
    "name": "get_time",
    "parameters": {
        "type": "object",
        "properties": {"at": {"$ref": "#/$defs/Place"}},
        "required": ["at"],
        "$defs": {"Place": {"enum": ["here"]}},
    },
}


@both
@pytest.mark.parametrize(
    ("choice", "name"), [("get_weather", "get_weather"), ("required", None)], ids=["named", "any"]
)
def test_a_real_grammar_holds_a_forced_call(
    local_server_url: str, streamed: bool, choice: str, name: str | None
) -> None:
    asked = ProviderCall(
        "tiny", [USER], 60.0, temperature=0.0, tools=[WEATHER, AT], tool_choice=choice
    )

    async def ask() -> Any:
        provider = OllamaProvider(base_url=local_server_url)
        found = await (provider.stream(asked).response if streamed else provider.chat(asked))
        await close_all_cloud_clients()
        return found

    (found,) = asyncio.run(ask()).tool_calls
    assert found.name == (name or found.name)
    assert set(found.arguments) <= ({"city"} if found.name == "get_weather" else {"at"})


@pytest.fixture
def sdk_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """The SDK's client of a provider with these settings, while the environment has a key."""
    monkeypatch.setenv("OLLAMA_API_KEY", "sk-of-the-environment")
    made: list[OllamaProvider] = []

    def make(**settings: Any) -> Any:
        made.append(OllamaProvider(**settings))
        return made[-1].client

    yield make
    for provider in made:
        asyncio.run(provider.close())


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({}, "sk-of-the-environment"),
        ({"base_url": "http://other.invalid:1/v1"}, "none"),
        ({"base_url": "http://other.invalid:1", "api_key": "sk-given"}, "sk-given"),
    ],
    ids=["environment", "another address", "given"],
)
def test_the_sdks_client_has_the_same_address_and_key(
    sdk_of: Callable[..., Any], settings: dict[str, Any], key: str
) -> None:
    client = sdk_of(**settings)
    assert f"{type(client).__module__}.{type(client).__name__}" == "ollama._client.AsyncClient"
    host = "http://other.invalid:1" if settings else "http://127.0.0.1:11434"
    assert str(client._client.base_url).rstrip("/") == host
    assert client._client.headers["authorization"] == f"Bearer {key}"


@pytest.mark.parametrize("variable", ["OLLAMA_HOST", "OLLAMA_BASE_URL"])
def test_the_environment_says_where_the_server_is(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://gpu.invalid:11435")
    assert OllamaProvider().chat_client.config.base_url == "http://gpu.invalid:11435"
