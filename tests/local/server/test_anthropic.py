"""The Messages API, asked by Anthropic's own client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic import Anthropic, beta_tool
from pydantic import BaseModel

from local_llm_kit.loading import LoadOptions
from local_llm_kit.server import LocalServer
from tests.local.http import ask
from tests.local.ollama.fake import SHOWN, FakeOllama, fake_ollama, ndjson, said
from tests.local.support import running_server

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]
WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]
TOOL = {
    "name": "get_weather",
    "description": "Tells the weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
GREEDY = {"temperature": 0}


@pytest.fixture(scope="module")
def sdk(server: LocalServer) -> Iterator[Anthropic]:
    strict = Anthropic(
        base_url=server.url, api_key="x", max_retries=0, _strict_response_validation=True
    )
    with strict as client:
        yield client


def create(sdk: Anthropic, **arguments: Any) -> Any:
    given = {"model": "tiny", "max_tokens": 64, "messages": HELLO, "extra_body": GREEDY}
    return sdk.messages.create(**(given | arguments))


def test_a_message_is_answered(sdk: Anthropic) -> None:
    message = create(sdk)
    assert (message.type, message.role, message.model) == ("message", "assistant", "tiny")
    assert message.id.startswith("msg_")
    assert message.content[0].text.startswith("Hello!")
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)


def test_a_tool_is_called_and_its_result_read(sdk: Anthropic) -> None:
    called = create(sdk, messages=WEATHER, tools=[TOOL])
    call = called.content[-1]
    assert (called.stop_reason, call.type, call.name) == ("tool_use", "tool_use", "get_weather")
    assert call.input == {"city": "Paris"}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny, 20 degrees"}
    turns = [
        *WEATHER,
        {"role": "assistant", "content": called.content},
        {"role": "user", "content": [result]},
    ]
    answer = create(sdk, messages=turns, tools=[TOOL])
    assert (answer.stop_reason, answer.content[0].type) == ("end_turn", "text")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_clients_tool_runner_runs_tools(sdk: Anthropic, stream: bool) -> None:
    asked: list[str] = []

    @beta_tool(description="Tells the weather of a city.")
    def get_weather(city: str) -> str:
        asked.append(city)
        return "sunny, 20 degrees"

    runner = sdk.beta.messages.tool_runner(
        model="tiny", max_tokens=100, tools=[get_weather], messages=WEATHER, max_iterations=3,
        stream=stream, extra_body=GREEDY,
    )  # fmt: skip
    assert runner.until_done().stop_reason == "end_turn"
    assert asked == ["Paris"]


@pytest.mark.parametrize(
    ("choice", "name"),
    [({"type": "any"}, "get_weather"), ({"type": "tool", "name": "look"}, "look")],
    ids=["any", "tool"],
)
def test_a_call_can_be_forced(sdk: Anthropic, choice: Any, name: str) -> None:
    look = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
    tools = [TOOL] if choice["type"] == "any" else [TOOL, look]
    single = choice | {"disable_parallel_tool_use": True}
    message = create(sdk, messages=WEATHER, tools=tools, tool_choice=single)
    assert [block.name for block in message.content] == [name]


def test_tool_choice_none_offers_no_tool(sdk: Anthropic) -> None:
    message = create(sdk, messages=WEATHER, tools=[TOOL], tool_choice={"type": "none"})
    assert comparable(message) == comparable(create(sdk, messages=WEATHER))


@pytest.mark.parametrize(
    ("arguments", "reason", "stop"),
    [
        ({}, "end_turn", None),
        ({"max_tokens": 3}, "max_tokens", None),
        ({"max_tokens": 0}, "max_tokens", None),
        ({"stop_sequences": ["zzz", " help"]}, "stop_sequence", " help"),
    ],
    ids=["by itself", "limit", "nothing", "stop sequence"],
)
def test_the_reason_of_the_end_is_told(
    sdk: Anthropic, arguments: dict[str, Any], reason: str, stop: str | None
) -> None:
    message = create(sdk, **arguments)
    assert (message.stop_reason, message.stop_sequence) == (reason, stop)


def comparable(message: Any) -> dict[str, Any]:
    """A message without what is new each time, and with its input counted as a whole."""
    data: dict[str, Any] = message.model_dump(exclude_none=True)
    del data["id"]
    for block in data["content"]:
        block.pop("id", None)
        block.pop("parsed_output", None)
    usage = data.pop("usage")
    n_input = usage["input_tokens"] + usage["cache_read_input_tokens"]
    return data | {"usage": (n_input, usage["output_tokens"])}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"max_tokens": 5},
        {"stop_sequences": [" help"]},
        {"messages": WEATHER, "tools": [TOOL]},
        {"messages": WEATHER, "tools": [TOOL], "max_tokens": 24},
        {"messages": WEATHER, "tools": [TOOL], "tool_choice": {"type": "any"}},
        {"max_tokens": 0},
    ],
    ids=["text", "cut", "stopped", "call", "call cut", "forced call", "nothing"],
)
def test_a_stream_adds_up_to_the_whole_message(sdk: Anthropic, arguments: dict[str, Any]) -> None:
    whole = create(sdk, **arguments)
    given = {"model": "tiny", "max_tokens": 64, "messages": HELLO, "extra_body": GREEDY}
    with sdk.messages.stream(**(given | arguments)) as stream:
        streamed = stream.get_final_message()
    assert comparable(streamed) == comparable(whole)


def test_the_events_of_a_stream_are_in_order(sdk: Anthropic) -> None:
    events = list(create(sdk, messages=WEATHER, tools=[TOOL], stream=True))
    kinds = [event.type for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    blocks = [event for event in events if event.type.startswith("content_block")]
    starts = [event.index for event in blocks if event.type == "content_block_start"]
    stops = [event.index for event in blocks if event.type == "content_block_stop"]
    assert starts == stops == list(range(len(starts)))
    assert [event.index for event in blocks] == sorted(event.index for event in blocks)


def test_an_answer_goes_on_with_a_last_turn_of_the_assistants(sdk: Anthropic) -> None:
    whole = create(sdk).content[0].text
    begun = [*HELLO, {"role": "assistant", "content": whole[:5]}]
    assert whole[:5] + create(sdk, messages=begun).content[0].text == whole


class City(BaseModel):
    name: str


def test_an_answer_is_held_to_a_schema(sdk: Anthropic) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 9}},
              "required": ["name"], "additionalProperties": False}  # fmt: skip
    form = {"format": {"type": "json_schema", "schema": schema}}
    message = create(sdk, output_config=form)
    assert set(json.loads(message.content[0].text)) == {"name"}


def test_a_pydantic_class_can_be_asked_for(sdk: Anthropic) -> None:
    parsed = sdk.messages.parse(
        model="tiny", max_tokens=200, messages=HELLO, output_format=City, extra_body=GREEDY
    )
    assert isinstance(parsed.parsed_output, City)


def test_the_beta_of_the_api_is_the_same(sdk: Anthropic) -> None:
    message = sdk.beta.messages.create(
        model="tiny", max_tokens=64, messages=HELLO, betas=["x-2026-01-01"], extra_body=GREEDY
    )
    assert message.content[0].text == create(sdk).content[0].text


def test_what_has_no_effect_is_named(sdk: Anthropic) -> None:
    raw = sdk.messages.with_raw_response.create(
        model="tiny", max_tokens=1, messages=HELLO, thinking={"type": "adaptive"},
        output_config={"effort": "low"}, metadata={"user_id": "u"}, speed="fast",
    )  # fmt: skip
    names = set(raw.headers["x-ignored-parameters"].split(", "))
    assert names == {"thinking", "output_config.effort", "metadata", "speed"}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"system": "Be brief."},
        {"messages": WEATHER, "tools": [TOOL]},
        {"messages": [*HELLO, {"role": "assistant", "content": "Hello"}]},
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
    ],
    ids=["plain", "system", "tools", "begun", "held"],
)
def test_counted_tokens_are_those_of_the_answer(sdk: Anthropic, arguments: dict[str, Any]) -> None:
    given = {"model": "tiny", "messages": HELLO} | arguments
    usage = create(sdk, max_tokens=1, **arguments if "messages" in arguments else given).usage
    counted = sdk.messages.count_tokens(**given).input_tokens
    assert counted == usage.input_tokens + usage.cache_read_input_tokens


def test_a_prompt_that_was_asked_before_is_read_from_the_cache(sdk: Anthropic) -> None:
    system = [
        {"type": "text", "text": "One two three. " * 20, "cache_control": {"type": "ephemeral"}}
    ]
    first, again = (create(sdk, system=system).usage for _ in range(2))
    assert again.cache_read_input_tokens > 50
    assert first.input_tokens + (first.cache_read_input_tokens or 0) == (
        again.input_tokens + again.cache_read_input_tokens
    )


def test_models_are_listed_as_anthropics_client_reads_them(server: LocalServer) -> None:
    strict = Anthropic(base_url=server.url, api_key="x", _strict_response_validation=True)
    with strict as client:
        models = list(client.models.list())
        assert models[0] == client.models.retrieve("tiny")
    assert (models[0].id, models[0].type, models[0].max_tokens) == ("tiny", "model", 2048)


def coding_request() -> dict[str, Any]:
    """What a coding agent sends: much of everything."""
    marked = {"cache_control": {"type": "ephemeral"}}
    path = {"type": "string", "description": "The absolute path.", "format": "file-path"}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "properties": {"path": path, "limit": {"type": "number", "exclusiveMinimum": 0},
                       "mode": {"enum": ["a", "b"], "default": "a"}},
        "required": ["path"], "additionalProperties": False, "not": {"required": ["nothing"]},
    }  # fmt: skip
    return {
        "model": "claude-opus-5-5", "max_tokens": 32_000, "stream": True, "temperature": 1,
        "system": [{"type": "text", "text": "You help."}, {"type": "text", "text": "A", **marked}],
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": "<reminder>x</reminder>"},
            {"type": "text", "text": "Hi", **marked},
        ]}],
        "tools": [{"name": f"Tool{i}", "description": "Reads.", "input_schema": schema}
                  for i in range(12)],
        "metadata": {"user_id": "u" * 80}, "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
    }  # fmt: skip


def test_a_coding_agents_request_is_answered(server: LocalServer) -> None:
    answer = ask(server.url, "/v1/messages?beta=true", coding_request() | {"max_tokens": 8})
    assert answer.status == 200
    assert answer.body.count(b"event: message_stop") == 1
    assert "tools[3].input_schema" in answer.headers["x-ignored-parameters"]


@pytest.fixture
def thinker() -> Iterator[tuple[FakeOllama, Anthropic]]:
    """A model that thinks, behind a scripted Ollama."""
    with fake_ollama() as fake:
        fake.models["tiny"] = SHOWN | {"capabilities": ["completion", "thinking"]}
        load = LoadOptions(backend="ollama", host=fake.host)
        with running_server(load) as server, Anthropic(base_url=server.url, api_key="x") as client:
            yield fake, client


def test_a_models_thoughts_are_a_block_of_their_own(thinker: tuple[FakeOllama, Anthropic]) -> None:
    fake, client = thinker
    thoughts = [{"message": {"thinking": text}} for text in ("Hm", "m.")]
    fake.script("/api/chat", *ndjson(*thoughts, *said("Yes")))
    content = create(client, thinking={"type": "adaptive"}).content
    blocks = [(block.type, getattr(block, block.type)) for block in content]
    assert blocks == [("thinking", "Hmm."), ("text", "Yes")]


def test_a_model_is_kept_from_thinking(thinker: tuple[FakeOllama, Anthropic]) -> None:
    fake, client = thinker
    create(client, thinking={"type": "disabled"})
    create(client)
    assert [body.get("think") for body in fake.bodies("/api/chat")] == [False, None]
