"""`EnhancedLLM`: its tools, its requests, the conversations that it keeps, and misuse."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from llmring import LLMRing, LLMRingSession, Message
from llmring.exceptions import (
    ConfigurationError,
    ConversationError,
    ConversationNotFoundError,
    FileProcessingError,
    LLMRingError,
    ServerError,
    StoreError,
    ToolError,
    ValidationError,
)
from llmring.mcp.client import EnhancedLLM, Turn
from llmring.mcp.tools import OnProgress, Tool, ToolResult
from tests.llmring.mcp.turns import (
    MODELS,
    QUESTION,
    SUNNY,
    Said,
    ask,
    get_weather,
    told,
    with_llm,
)
from tests.llmring.rings import with_ring
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow

CALLED = Said("I look.", [("get_weather", {"city": "Rome"})])


async def echo(arguments: dict[str, Any], _: OnProgress | None) -> ToolResult:
    return ToolResult(json.dumps(arguments))


def tool(name: str, **parameters: Any) -> Tool:
    return Tool(name, "A tool.", {"type": "object", **parameters}, echo)


class Server:
    """What offers tools, and can be closed."""

    def __init__(self, *tools: Tool) -> None:
        self.offered = list(tools)
        self.is_open = True

    async def tools(self) -> list[Tool]:
        return self.offered

    async def close(self) -> None:
        self.is_open = False


def make(**settings: Any) -> EnhancedLLM:
    return EnhancedLLM(LLMRing(), **settings)


def test_tools_are_registered_and_taken_away() -> None:
    llm = make(tools=[get_weather])
    made = llm.register_tool(tool("raw"), "cooked", "Better.")
    assert (made.name, made.description) == ("cooked", "Better.")
    assert [one.name for one in llm.tools] == ["get_weather", "cooked"]
    assert (llm.unregister_tool("cooked"), llm.unregister_tool("cooked")) == (True, False)
    assert repr(llm) == "EnhancedLLM(model='fast', tools=['get_weather'])"


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (tool("get weather"), "cannot be named 'get weather'"),
        (tool("x" * 65), "give 1 to 64 letters"),
        (Tool("t", "", {"type": "string"}, echo), "not of type 'object'"),
        (tool("t", properties={"x": {"type": "text"}}), "no schema that can be checked"),
        (get_weather, "there is a tool 'get_weather' already"),
    ],
    ids=["name", "long name", "no object", "no schema", "twice"],
)
def test_what_is_no_tool_is_refused(wrong: Any, problem: str) -> None:
    with pytest.raises(ToolError, match=problem):
        make(tools=[get_weather]).register_tool(wrong)


def test_tools_of_servers_are_read_before_each_turn() -> None:
    server = Server(tool("mcp_one"))

    async def use(llm: EnhancedLLM) -> None:
        await llm.chat(QUESTION)
        server.offered.append(tool("mcp_two"))
        await llm.chat(QUESTION)
        assert [one.name for one in llm.tools] == ["mcp_one", "mcp_two"]

    with ScriptedServer((SUNNY, SUNNY)) as scripted:
        with_llm(scripted, use, connections=[server])
        names = [
            [one["function"]["name"] for one in json.loads(body)["tools"]]
            for body in scripted.bodies
        ]
    assert names == [["mcp_one"], ["mcp_one", "mcp_two"]]
    assert not server.is_open


def test_tools_of_one_name_get_numbers() -> None:
    long = "x" * 64
    servers = [Server(tool("a"), tool(long)), Server(tool("a"), tool(long))]

    async def main() -> list[str]:
        async with make(tools=[tool("a")]) as llm:
            for server in servers:
                llm.add_connection(server)
            return [one.name for one in await llm.list_tools()]

    assert asyncio.run(main()) == ["a", "a_2", long, "a_3", "x" * 62 + "_2"]


def test_an_old_schema_of_a_server_is_told_in_words() -> None:
    old = tool("old", properties={"n": {"minimum": 1, "exclusiveMinimum": True}}, required=["n"])
    turn, _, bodies = ask(Said(calls=[("old", {"n": 0})]), SUNNY, connections=[Server(old)])
    assert told(turn) == ['{"n": 0}']
    parameters = bodies[0]["tools"][0]["function"]["parameters"]
    assert (parameters["properties"], parameters["required"]) == ({"n": {}}, ["n"])
    assert '"exclusiveMinimum":true' in parameters["description"]


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"n": {"type": "string", "pattern": "^(?=a)"}}},
        {"properties": {"n": {"type": "string"}}, "unevaluatedProperties": False},
        {"properties": {"n": {"items": [{"type": "string"}]}}},
        {"properties": {"n": {"$dynamicRef": "#a"}}},
        {"properties": 3},
    ],
    ids=["pattern", "unevaluated", "tuple", "dynamic", "none"],
)
def test_one_odd_schema_keeps_no_model_from_calling_tools(schema: dict[str, Any]) -> None:
    async def main() -> Any:
        connection = Server(tool("odd", **schema), tool("get_weather"))
        async with make(model="local:tiny", connections=[connection]) as llm:
            question = [{"role": "user", "content": "What is the weather in Paris?"}]
            return await llm.chat(question, temperature=0.0, max_tokens=60)

    assert asyncio.run(main()).rounds[0].tool_calls


def test_closing_closes_all_even_if_one_fails() -> None:
    class Broken(Server):
        async def close(self) -> None:
            raise OSError("broken")

    whole = Server()

    async def main() -> None:
        llm = make(connections=[whole, Broken()])
        with pytest.raises(OSError, match="broken"):
            await llm.close()
        await llm.close()

    asyncio.run(main())
    assert not whole.is_open


@pytest.mark.parametrize("owns", [True, False], ids=["owned", "the caller's"])
def test_the_ring_is_closed_by_who_owns_it(owns: bool) -> None:
    async def main() -> LLMRing:
        async with LLMRing() as ring:
            async with EnhancedLLM(ring, owns_ring=owns):
                pass
            if owns:
                with pytest.raises(ConfigurationError, match="closed"):
                    ring.chat("fast", messages=QUESTION)
            else:
                assert await ring.get_available_models()
        return ring

    asyncio.run(main())


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"max_tool_rounds": -1}, "max_tool_rounds is -1; give 0 to 1,000"),
        ({"tool_timeout_s": 0.0}, "tool_timeout_s is 0.0; give seconds above 0"),
        ({"tool_timeout_s": float("nan")}, "tool_timeout_s is nan"),
        ({"max_result_chars": 0}, "max_result_chars is 0"),
    ],
    ids=["rounds", "timeout", "no number", "characters"],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        make(**settings)


@pytest.mark.parametrize(
    ("messages", "fields", "error", "problem"),
    [
        ("Hello!", {}, ValidationError, "messages is text"),
        (QUESTION, {"temprature": 1.0}, ValidationError, "temprature"),
        (QUESTION, {"tools": [tool("a").to_dict()]}, ToolError, "register others"),
        (QUESTION, {"tools": [{"name": "a"}]}, ToolError, "register others"),
        (QUESTION, {"conversation_id": "x"}, ConversationError, "keeps no conversations"),
    ],
    ids=["text", "field", "tool", "flat tool", "no store"],
)
def test_a_turn_that_cannot_be_made_is_refused(
    messages: Any, fields: dict[str, Any], error: type[Exception], problem: str
) -> None:
    async def main() -> None:
        async with make() as llm:
            with pytest.raises(error, match=problem):
                await llm.chat(messages, **fields)

    asyncio.run(main())


def test_a_closed_one_makes_no_turns() -> None:
    async def main() -> None:
        llm = make()
        await llm.close()
        with pytest.raises(ConfigurationError, match="this EnhancedLLM is closed"):
            await llm.chat(QUESTION)

    asyncio.run(main())


def test_the_system_prompt_stands_before_messages_that_have_none() -> None:
    own = [{"role": "system", "content": "Mine."}, *QUESTION]
    _, _, (first,) = ask(SUNNY, system_prompt="Be brief.")
    _, _, (second,) = ask(SUNNY, system_prompt="Be brief.", messages=own)
    assert first["messages"][0] == {"role": "system", "content": "Be brief."}
    assert [one["content"] for one in second["messages"]] == ["Mine.", "How is the weather?"]


def test_tools_that_the_provider_runs_go_along() -> None:
    fields = {"tools": [{"type": "web_search"}]}
    _, _, (body,) = ask(SUNNY, provider="anthropic", tools=[get_weather], fields=fields)
    assert [one["name"] for one in body["tools"]] == ["web_search", "get_weather"]


def test_a_turn_is_continued_with_its_messages() -> None:
    async def use(llm: EnhancedLLM) -> None:
        turn = await llm.chat(QUESTION)
        assert [one.role for one in turn.messages] == ["assistant", "tool", "assistant"]
        more = Message(role="user", content="And tomorrow?")
        await llm.chat([*QUESTION, *turn.messages, more])

    with ScriptedServer((CALLED, SUNNY, SUNNY)) as server:
        with_llm(server, use, tools=[get_weather])
        roles = [one["role"] for one in json.loads(server.bodies[-1])["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


def test_a_model_and_a_profile_are_of_one_turn() -> None:
    async def use(llm: EnhancedLLM) -> Turn:
        return await llm.chat(QUESTION, model="openai:gpt-4o-mini", max_tokens=7)

    with ScriptedServer((SUNNY,)) as server:
        turn = with_llm(server, use)
        assert json.loads(server.bodies[0])["max_tokens"] == 7
    assert turn.model == "openai:gpt-4o-mini"


# Conversations


def in_session(
    folder: Path, scripts: tuple[Any, ...], use: Any, **settings: Any
) -> list[dict[str, Any]]:
    """What was asked, when `use` was given an `EnhancedLLM` that keeps conversations."""

    async def main(server: ScriptedServer) -> None:
        from cloud import close_all_cloud_clients

        store = folder / "kept.sqlite"
        async with LLMRingSession(store=store, **settings) as ring:
            ring.register_provider("openai", api_key="k", base_url=server.url)
            async with EnhancedLLM(ring, MODELS["openai"], tools=[get_weather]) as llm:
                await use(llm, ring)
        await close_all_cloud_clients()

    with ScriptedServer(scripts) as server:
        asyncio.run(main(server))
        return [json.loads(body) for body in server.bodies]


def test_a_conversation_is_kept_with_its_calls(tmp_path: Path) -> None:
    async def use(llm: EnhancedLLM, ring: LLMRingSession) -> None:
        kept = await llm.create_conversation(system_prompt="Be brief.")
        turn = await llm.chat(QUESTION, conversation_id=kept)
        history = await ring.get_conversation_history(kept)
        assert [one["role"] for one in history["messages"]] == [
            "user", "assistant", "tool", "assistant"
        ]  # fmt: skip
        asked, result, answer = history["messages"][1:]
        assert asked["tool_calls"] == turn.rounds[0].tool_calls
        assert (result["content"], answer["content"]) == ("Rome: sunny", "It is sunny.")
        assert asked["cost"] + answer["cost"] == pytest.approx(turn.usage["cost"])
        async with llm.chat_stream(QUESTION, conversation_id=kept) as stream:
            await stream.turn()
        assert len((await ring.get_conversation_history(kept))["messages"]) == 6

    bodies = in_session(tmp_path, (CALLED, SUNNY, SUNNY), use)
    assert [one["role"] for one in bodies[-1]["messages"]] == [
        "system", "user", "assistant", "tool", "assistant", "user"
    ]  # fmt: skip


def test_a_conversation_settles_what_a_turn_leaves_open(tmp_path: Path) -> None:
    async def use(llm: EnhancedLLM, ring: LLMRingSession) -> None:
        kept = await llm.create_conversation(model_alias="openai:gpt-4o-mini", max_tokens=7)
        await llm.chat(QUESTION, conversation_id=kept)
        await llm.chat(QUESTION, conversation_id=kept, model="openai:gpt-4o", max_tokens=8)

    bodies = in_session(tmp_path, (SUNNY, SUNNY), use)
    assert [(one["model"], one["max_tokens"]) for one in bodies] == [
        ("gpt-4o-mini", 7), ("gpt-4o", 8)
    ]  # fmt: skip


def test_an_unknown_conversation_is_an_error_before_anything_is_sent(tmp_path: Path) -> None:
    async def use(llm: EnhancedLLM, ring: LLMRingSession) -> None:
        with pytest.raises(ConversationNotFoundError):
            await llm.chat(QUESTION, conversation_id="0" * 32)

    assert in_session(tmp_path, (SUNNY,), use) == []


@pytest.mark.parametrize(("level", "n_kept"), [("none", 0), ("metadata", 2)])
def test_what_is_not_to_be_kept_is_not(tmp_path: Path, level: str, n_kept: int) -> None:
    async def use(llm: EnhancedLLM, ring: LLMRingSession) -> None:
        kept = await llm.create_conversation()
        await llm.chat(QUESTION, conversation_id=kept)
        found = await ring.store.messages(kept)
        assert [one.content for one in found] == [None] * n_kept
        if n_kept:
            with pytest.raises(ConversationError, match="was not kept"):
                await llm.chat(QUESTION, conversation_id=kept)

    in_session(tmp_path, (SUNNY, SUNNY), use, message_logging_level=level)


@pytest.mark.parametrize("kind", [StoreError, ServerError])
def test_a_turn_that_cannot_be_kept_is_in_the_error(
    kind: type[LLMRingError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(llm: EnhancedLLM, ring: LLMRingSession) -> None:
        kept = await llm.create_conversation()

        async def full(*args: Any, **fields: Any) -> None:
            raise kind("the disk is full")

        monkeypatch.setattr(ring.store, "append", full)
        with pytest.raises(kind, match="disk is full") as caught:
            await llm.chat(QUESTION, conversation_id=kept)
        assert caught.value.details["response"].content == "It is sunny."

    in_session(tmp_path, (SUNNY,), use)


# Files


def test_a_file_becomes_a_content_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("Ada is 36.")

    async def main() -> dict[str, Any]:
        async with make() as llm:
            with pytest.raises(FileProcessingError):
                await llm.process_file_from_source("b.txt")
            return await llm.process_file_from_source("a.txt")

    part = asyncio.run(main())
    assert (part["type"], part["source"]["media_type"]) == ("document", "text/plain")


def test_events_may_be_told_without_a_ring_of_ones_own() -> None:
    async def use(ring: LLMRing) -> str:
        async with EnhancedLLM(ring, MODELS["openai"]) as llm:
            return (await llm.chat(QUESTION)).content

    with ScriptedServer((SUNNY,)) as server:
        assert with_ring(server, "openai", use) == "It is sunny."
