"""The Ollama provider against a scripted server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from cloud import close_all_cloud_clients
from cloud.llm.events import TextDelta, ToolCallDelta
from cloud.llm.json_schema import JSONSchema
from LLM import InvalidRequestError, LLMResponseError, LLMTimeoutError
from llmring.exceptions import ModelNotFoundError, ValidationError
from llmring.providers.base import ProviderCall
from llmring.providers.ollama import models
from llmring.providers.ollama.models import Capabilities, capabilities_in
from llmring.providers.ollama.provider import OllamaProvider
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer, hang

USER = {"role": "user", "content": "What is the weather in Paris?"}
WEATHER = {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
NATIVE = {"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}
CALL = '{"name": "get_weather", "arguments": {"city": "Paris"}}'
TURNS = [
    USER,
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "call_0", "type": "function",
         "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}]},
    {"role": "tool", "content": "Sunny.", "tool_call_id": "call_0"},
]  # fmt: skip


class Day(BaseModel):
    name: str


class Ollama:
    """A server with one model.

    :param says: the text that it answers with, or its tool calls.
    :param can: its capabilities; None for a server that lists none.
    :param refuses: what it says to tools, with status 400, or 404 where nothing is found.
    """

    def __init__(
        self,
        says: str | list[Any] = "Hello!",
        can: Iterable[str] | None = ("completion",),
        template: str = "{{ .Prompt }}",
        refuses: str | None = None,
    ) -> None:
        self.asked: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self._says = says
        self._shown: dict[str, Any] = {"template": template}
        if can is not None:
            self._shown["capabilities"] = list(can)
        self._refuses = refuses

    def __call__(self, request: Request) -> Any:
        self.asked.append(request.path)
        if request.path == "/api/show":
            return wire.answer(self._shown)
        body = json.loads(request.body)
        self.bodies.append(body)
        if body.get("tools") and self._refuses:
            status = 404 if "not found" in self._refuses else 400
            return wire.answer({"error": self._refuses}, status)
        return self._stream() if body["stream"] else wire.answer(self._lines(whole=True)[0])

    def _stream(self) -> bytes:
        head = wire.head("Transfer-Encoding: chunked", content_type="application/x-ndjson")
        return head + wire.chunked(json.dumps(line).encode() + b"\n" for line in self._lines())

    def _lines(self, *, whole: bool = False) -> list[dict[str, Any]]:
        message: dict[str, Any] = {"role": "assistant", "content": ""}
        if isinstance(self._says, list):
            pieces = [{**message, "tool_calls": self._says}]
        else:
            size = len(self._says) if whole else 5
            cut = [self._says[i : i + size] for i in range(0, len(self._says), size)]
            pieces = [{**message, "content": text} for text in cut]
        lines = [{"model": "m", "message": piece, "done": False} for piece in pieces]
        lines[-1] |= {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
        return lines


def with_provider(script: Any, use: Callable[[OllamaProvider], Any], **settings: Any) -> Any:
    """What `use` gives for a provider at a server of that script."""

    async def run(url: str) -> Any:
        provider = OllamaProvider(base_url=url, **settings)
        try:
            return await use(provider)
        finally:
            await provider.close()
            await close_all_cloud_clients()

    with ScriptedServer((script,)) as server:
        return asyncio.run(run(server.url))


def call(messages: Any = (USER,), timeout_s: float = 5.0, **fields: Any) -> ProviderCall:
    return ProviderCall("m", list(messages), timeout_s, **fields)


def answer(script: Any, asked: ProviderCall, *, streamed: bool = False) -> Any:
    """The whole answer to a call, asked for at once or added up from its events."""

    async def ask(provider: OllamaProvider) -> Any:
        return await (provider.stream(asked).response if streamed else provider.chat(asked))

    return with_provider(script, ask)


both = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])


def calls_of(response: Any) -> list[tuple[str, str, Any]]:
    return [(one.id, one.name, one.arguments) for one in response.tool_calls]


PARIS = [("call_0", "get_weather", {"city": "Paris"})]


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


def test_what_a_model_can_do_is_asked_once_however_many_ask() -> None:
    server = Ollama(can=["completion", "tools"])

    async def ask(provider: OllamaProvider) -> None:
        await asyncio.gather(*[provider.chat(call(tools=[WEATHER])) for _ in range(5)])
        await provider.chat(call(tools=[WEATHER]))

    with_provider(server, ask)
    assert server.asked.count("/api/show") == 1


def test_what_is_kept_of_models_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MAX_MODELS", 2)
    server = Ollama(can=["completion", "tools"])

    async def ask(provider: OllamaProvider) -> None:
        for model in ("a", "b", "c", "c", "b", "a"):
            await provider.chat(ProviderCall(model, [USER], 5.0, tools=[WEATHER]))

    with_provider(server, ask)
    assert server.asked.count("/api/show") == 4  # the oldest goes


def test_a_model_that_has_gone_is_asked_about_anew() -> None:
    server = Ollama(can=["completion", "tools"], refuses="model 'm' not found")

    async def ask(provider: OllamaProvider) -> None:
        for _ in range(2):
            with pytest.raises(ModelNotFoundError):
                await provider.chat(call(tools=[WEATHER]))

    with_provider(server, ask)
    assert server.asked == ["/api/show", "/api/chat"] * 2


@both
def test_a_model_whose_tools_are_refused_is_told_of_them_from_then_on(streamed: bool) -> None:
    refusal = "registry.ollama.ai/library/m:latest does not support tools"
    server = Ollama(CALL, can=["completion", "tools"], refuses=refusal)

    async def ask(provider: OllamaProvider) -> list[Any]:
        asked = call(tools=[WEATHER])
        first = await (provider.stream(asked).response if streamed else provider.chat(asked))
        return [first, await provider.chat(asked)]

    assert [calls_of(found) for found in with_provider(server, ask)] == [PARIS, PARIS]
    assert server.asked == ["/api/show", *["/api/chat"] * 3]
    assert ["tools" in body for body in server.bodies] == [True, False, False]


@both
def test_another_refusal_of_tools_is_the_callers(streamed: bool) -> None:
    server = Ollama(can=["completion", "tools"], refuses="tool 0 is no good")
    with pytest.raises(InvalidRequestError, match="tool 0 is no good"):
        answer(server, call(tools=[WEATHER]), streamed=streamed)


@both
@pytest.mark.parametrize("tools", [None, [WEATHER]], ids=["chat", "show"])
def test_a_model_that_is_not_there_is_told_with_how_to_get_it(streamed: bool, tools: Any) -> None:
    missing = wire.answer({"error": "model 'm; ls' not found"}, 404)
    asked = ProviderCall("m; ls", [USER], 5.0, tools=tools)
    with pytest.raises(ModelNotFoundError, match=r"no model 'm; ls'; .*ollama pull 'm; ls'$") as e:
        answer(missing, asked, streamed=streamed)
    assert (e.value.status_code, e.value.model) == (404, "m; ls")
    assert e.value.root_cause is not e.value


def test_a_server_that_does_not_tell_what_a_model_can_do_is_a_timeout() -> None:
    with pytest.raises(
        LLMTimeoutError, match=r"did not tell what the model 'm' can do within 0\.05"
    ):
        answer([hang], call(tools=[WEATHER], timeout_s=0.05))


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"capabilities": ["completion", "tools", "thinking"]}, Capabilities(True, True)),
        ({"capabilities": ["completion"], "template": ".Tools"}, Capabilities(False, False)),
        ({"template": "{{ if .Tools }}"}, Capabilities(True, False)),
        ({"template": "{{ .Prompt }}"}, Capabilities(False, False)),
        ({}, Capabilities(False, False)),
    ],
    ids=["all", "none", "older with", "older without", "nothing"],
)
def test_what_a_model_can_do_is_read(facts: dict[str, Any], wanted: Capabilities) -> None:
    assert capabilities_in(facts) == wanted


THINKS = ["completion", "thinking"]
THOUGHTS: dict[str, tuple[dict[str, Any], list[str], Any, Any]] = {
    "a model that can": ({"reasoning_tokens": 50, "max_tokens": 10}, THINKS, True, 60),
    "no bound of the answer": ({"reasoning_tokens": 50}, THINKS, True, None),
    "a model that cannot": ({"reasoning_tokens": 50, "max_tokens": 10}, ["completion"], None, 10),
    "none": ({"reasoning_tokens": 0, "max_tokens": 10}, THINKS, False, 10),
    "unsaid": ({"max_tokens": 10}, THINKS, None, 10),
    "the caller's own": ({"reasoning_tokens": 50, "extra": {"think": "low"}}, THINKS, "low", None),
    "effort": (
        {"reasoning_tokens": 5, "extra": {"reasoning_effort": "high"}},
        THINKS,
        "high",
        None,
    ),
}


@pytest.mark.parametrize("name", THOUGHTS)
def test_a_bound_of_thoughts_lets_a_model_think_if_it_can(name: str) -> None:
    fields, can, think, limit = THOUGHTS[name]
    server = Ollama(can=can)
    answer(server, call(**fields))
    body = server.bodies[0]
    assert (body.get("think"), body.get("options", {}).get("num_predict")) == (think, limit)


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


def test_the_servers_models_are_listed() -> None:
    tags = wire.answer({"models": [{"name": "llama3.2:latest", "model": "llama3.2:latest"}]})
    assert with_provider(tags, lambda provider: provider.list_models()) == ["llama3.2:latest"]


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
