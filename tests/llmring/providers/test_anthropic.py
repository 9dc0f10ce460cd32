"""Anthropic behind the ring: what is sent, and what comes of its answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmring import LLMRing, Message
from llmring.exceptions import ValidationError
from tests.cloud.anthropic import wire as claude
from tests.cloud.anthropic.scripts import WEATHER
from tests.llmring.providers.asked_anthropic import HELLO, body
from tests.llmring.rings import KEY, answer_to, chunks_of, request, sent, with_ring
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow

MODEL = "claude-sonnet-4-5-20250929"
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
TEXT = {"type": "text", "text": "Hello!"}
CALL = {"id": "toolu_1", "type": "function",
        "function": {"name": "get_weather", "arguments": '{"location":"Rome"}'}}  # fmt: skip


def said(role: Any, content: Any, cache: Any = None, **fields: Any) -> Message:
    metadata = {"cache_control": cache} if cache else None
    return Message(role=role, content=content, metadata=metadata, **fields)


USER = said("user", "Hello!")


# What is marked for the cache

MARKED: dict[str, tuple[list[Message], str, Any]] = {
    "system": (
        [said("system", "Long.", MARK), USER],
        "system",
        [{"type": "text", "text": "Long.", "cache_control": MARK}],
    ),
    "one of two systems": (
        [said("system", "Long.", HOUR), said("system", "Short."), USER],
        "system",
        [{"type": "text", "text": "Long.", "cache_control": HOUR},
         {"type": "text", "text": "Short."}],
    ),
    "user": (
        [said("user", "Hello!", HOUR)],
        "messages",
        [{"role": "user", "content": [{**TEXT, "cache_control": HOUR}]}],
    ),
    "list of parts": (
        [said("user", [TEXT, TEXT], MARK)],
        "messages",
        [{"role": "user", "content": [TEXT, {**TEXT, "cache_control": MARK}]}],
    ),
    "one part": (
        [said("user", [{**TEXT, "cache_control": MARK}, TEXT])],
        "messages",
        [{"role": "user", "content": [{**TEXT, "cache_control": MARK}, TEXT]}],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "field", "expected"), MARKED.values(), ids=MARKED)
def test_markers_go_where_they_are(messages: list[Message], field: str, expected: Any) -> None:
    assert body(MODEL, *messages)[field] == expected


def test_a_tools_result_can_be_marked() -> None:
    turn = said("assistant", None, tool_calls=[CALL])
    result = said("tool", "sunny", MARK, tool_call_id="toolu_1")
    assert body(MODEL, USER, turn, result)["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny",
         "cache_control": MARK},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "tool",
    [{**WEATHER, "cache_control": MARK},
     {"type": "function", "function": {**WEATHER, "cache_control": MARK}},
     {"type": "function", "function": WEATHER, "cache_control": MARK}],
    ids=["flat", "in the function", "beside the function"],
)  # fmt: skip
def test_markers_of_tools_are_kept(tool: dict[str, Any]) -> None:
    (sent_tool,) = body(MODEL, USER, tools=[tool])["tools"]
    assert (sent_tool["name"], sent_tool["cache_control"]) == ("get_weather", MARK)


def test_the_request_itself_can_be_marked() -> None:
    assert body(MODEL, cache={"cache_control": HOUR})["cache_control"] == HOUR


def test_a_cache_that_anthropic_does_not_have_is_an_error() -> None:
    with pytest.raises(ValidationError, match=r"cache has 'cached_content'.*'cache_control'"):
        body(MODEL, cache={"cached_content": "cachedContents/1"})


@pytest.mark.parametrize("marker", ["ephemeral", True, {}, {"ttl": "1h"}])
def test_a_marker_that_is_none_is_an_error(marker: Any) -> None:
    message = Message(role="user", content="Hello!", metadata={"cache_control": marker})
    with pytest.raises(ValidationError, match=r"messages\[0\].metadata\['cache_control'\] is"):
        body(MODEL, message)
    with pytest.raises(ValidationError, match=r"cache\['cache_control'\] is .*'ephemeral'"):
        body(MODEL, cache={"cache_control": marker})


# Tools and turns


def test_all_system_messages_are_kept() -> None:
    asked = body(MODEL, said("system", "a"), USER, said("developer", "b"), said("system", "c"))
    assert (asked["system"], len(asked["messages"])) == ("a\n\nb\n\nc", 1)


CHOICES: dict[str, tuple[Any, Any]] = {
    "required": ("required", {"type": "any"}),
    "auto": ("auto", {"type": "auto"}),
    "none": ("none", {"type": "none"}),
    "a name": ("get_weather", {"type": "tool", "name": "get_weather"}),
}


@pytest.mark.parametrize(("choice", "expected"), CHOICES.values(), ids=CHOICES)
def test_of_tool_choice(choice: Any, expected: Any) -> None:
    assert body(MODEL, tools=[WEATHER], tool_choice=choice)["tool_choice"] == expected


@pytest.mark.parametrize("kind", ["code_execution", "web_search", "web_fetch"])
def test_anthropics_own_tools_get_their_version(kind: str) -> None:
    (tool,) = body(MODEL, tools=[{"type": kind}])["tools"]
    assert tool["type"].startswith(f"{kind}_20")
    assert tool["name"] == kind


def test_a_tool_with_a_version_stays_as_it_is() -> None:
    tool = {"type": "web_search_20260318", "name": "web_search", "max_uses": 2}
    assert body(MODEL, tools=[tool, WEATHER])["tools"][0] == tool


def test_a_stream_ends_with_the_calls_and_all_counts() -> None:
    usage = {**claude.USAGE, "input_tokens": 40, "output_tokens": 15}
    called = claude.message(
        claude.text("Let me see."),
        claude.tool_use("toolu_1", "get_weather", {"location": "Rome"}),
        claude.tool_use("toolu_2", "now", {}),
        stop="tool_use",
        usage=usage,
    )
    # The end tells the tokens of the answer alone; those of the prompt came with the start.
    end = claude.event({"type": "message_delta", "delta": {"stop_reason": "tool_use"},
                        "usage": {"output_tokens": 15}}) + claude.STOP  # fmt: skip
    blocks = b"".join(claude.block(i, one) for i, one in enumerate(called["content"]))
    script = wire.stream_answer(claude.start(called) + blocks + end)
    with ScriptedServer((script,)) as server:
        *_, last = chunks_of(server, request(f"anthropic:{MODEL}", tools=[WEATHER]))
    assert last.finish_reason == "tool_calls"
    assert last.tool_calls is not None
    assert [call["function"] for call in last.tool_calls] == [
        {"name": "get_weather", "arguments": '{"location": "Rome"}'},
        {"name": "now", "arguments": ""},
    ]
    assert last.usage is not None
    assert (last.usage["prompt_tokens"], last.usage["completion_tokens"]) == (40, 15)


def test_extra_params_are_sent_as_they_are() -> None:
    thinking = {"type": "enabled", "budget_tokens": 5000}
    asked = body(MODEL, extra_params={"thinking": thinking, "top_k": 40})
    assert (asked["thinking"], asked["top_k"]) == (thinking, 40)
    assert asked["max_tokens"] == 4096 + 5000


# The SDK's client


def test_the_sdk_asks_where_the_ring_asks() -> None:
    async def ask(ring: LLMRing) -> tuple[str, Any]:
        client = ring.get_provider("anthropic").client
        answer = await client.messages.create(
            model="claude-sonnet-5-5",
            max_tokens=1000,
            messages=[{"role": "user", "content": "Hello"}],
            system=[{"type": "text", "text": "You are helpful", "cache_control": MARK}],
            thinking={"type": "adaptive"},
        )
        return type(client).__name__, answer.content[0].text

    with ScriptedServer((HELLO,)) as server:
        assert with_ring(server, "anthropic", ask) == ("AsyncAnthropic", "Hello!")
        (asked,) = server.requests
    assert asked.path == "/v1/messages"
    assert KEY in asked.headers.get("authorization", "") + asked.headers.get("x-api-key", "")
    assert sent(server)["system"][0]["cache_control"] == MARK


@pytest.mark.parametrize("ending", ["", "/v1", "/v1/"])
def test_the_sdk_adds_the_version_once(ending: str) -> None:
    async def ask(url: str) -> None:
        async with LLMRing() as ring:
            ring.register_provider("anthropic", api_key=KEY, base_url=url + ending)
            await ring.get_provider("anthropic").client.models.list()

    with ScriptedServer((wire.answer({"data": [], "has_more": False}),)) as server:
        asyncio.run(ask(server.url))
        assert server.requests[0].path.partition("?")[0] == "/v1/models"


def test_the_sdk_sends_the_headers_of_the_settings() -> None:
    async def ask(url: str) -> None:
        async with LLMRing() as ring:
            headers = {"anthropic-beta": "skills-2025-10-02"}
            ring.register_provider("anthropic", api_key=KEY, base_url=url, headers=headers)
            await ring.get_provider("anthropic").client.models.list()

    with ScriptedServer((wire.answer({"data": [], "has_more": False}),)) as server:
        asyncio.run(ask(server.url))
        assert server.requests[0].headers["anthropic-beta"] == "skills-2025-10-02"


def test_without_a_key_the_sdk_does_not_take_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ask(url: str) -> None:
        async with LLMRing() as ring:
            ring.register_provider("anthropic", api_key=None, base_url=url)
            await ring.get_provider("anthropic").client.models.list()

    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "sk-ant-secret")
    with ScriptedServer((wire.answer({"data": [], "has_more": False}),)) as server:
        asyncio.run(ask(server.url))
        assert "sk-ant-secret" not in str(server.requests[0].headers)


def test_an_answer_of_code_that_ran_is_its_text() -> None:
    ran = claude.message(
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution",
         "input": {"command": "echo 4"}},
        {"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_1",
         "content": {"type": "bash_code_execution_result", "stdout": "4", "stderr": "",
                     "return_code": 0, "content": []}},
        claude.text("It is 4."),
    )  # fmt: skip
    with ScriptedServer((wire.answer(ran),)) as server:
        asked = request(f"anthropic:{MODEL}", tools=[{"type": "code_execution"}])
        response = answer_to(server, asked)
    assert (response.content, response.tool_calls) == ("It is 4.", None)
