"""Rounds of tools: with every provider, in order, bounded, and never a crash."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from llmring import LLMRing, StreamChunk
from llmring.exceptions import ProviderAnswerError, ProviderRequestError
from llmring.mcp.client import EnhancedLLM, ToolProgress, ToolUse
from llmring.mcp.client.turn import summed_usage
from llmring.mcp.tools import OnProgress, Progress, ToolResult
from tests.llmring.mcp.turns import (
    MODELS,
    PROVIDERS,
    QUESTION,
    SUNNY,
    Said,
    ask,
    events_of,
    final,
    get_weather,
    named,
    raw_tool,
    told,
    with_llm,
)
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow

ROME, OSLO = ("get_weather", {"city": "Rome"}), ("get_weather", {"city": "Oslo"})
CALLED = Said(calls=[ROME])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_gets_the_results_in_order(provider: str, streamed: bool) -> None:
    said = (Said("I look.", [ROME, OSLO]), CALLED, SUNNY)
    if provider == "ollama":
        said = (SUNNY, *said)  # it is asked what the model can do first
    turn, events, bodies = ask(*said, provider=provider, streamed=streamed, tools=[get_weather])
    assert (turn.content, len(turn.rounds)) == ("It is sunny.", 3)
    assert told(turn) == ["Rome: sunny", "Oslo: sunny", "Rome: sunny"]
    assert len(bodies) == 3
    sent = json.dumps(bodies[-1])
    assert sent.index("Rome: sunny") < sent.index("Oslo: sunny") < sent.rindex("Rome: sunny")
    assert final(events) is turn
    assert named(events).count("ToolStarted") == named(events).count("ToolEnded") == 3
    texts = "".join(event.delta for event in events if isinstance(event, StreamChunk))
    assert texts == ("I look.It is sunny." if streamed else "")


def test_the_model_here_calls_tools(streamed: bool) -> None:
    async def main() -> Any:
        async with LLMRing() as ring, EnhancedLLM(ring, "local:tiny", tools=[get_weather]) as llm:
            question = [{"role": "user", "content": "What is the weather in Paris?"}]
            return await events_of(
                llm, question, streamed=streamed, temperature=0.0, max_tokens=100
            )

    turn, _ = asyncio.run(main())
    assert told(turn) == ["Paris: sunny"]
    assert "sunny" in turn.content


def test_usage_cost_and_attempts_are_of_all_rounds(streamed: bool) -> None:
    turn, _, _ = ask(CALLED, SUNNY, streamed=streamed, tools=[get_weather])
    assert (turn.usage["prompt_tokens"], turn.total_tokens) == (6, 10)
    assert turn.usage["cost"] == pytest.approx(2 * turn.rounds[0].usage["cost"])
    assert turn.usage["cost_status"] == "priced"
    assert [(one["round"], one["outcome"]) for one in turn.attempts] == [
        (1, "answered"), (2, "answered")
    ]  # fmt: skip


def test_a_turn_has_a_cost_only_if_every_round_has_one() -> None:
    priced = {"prompt_tokens": 2, "cost_status": "priced", "cost": 1.0, "cost_breakdown": {"x": 1}}
    free = {"prompt_tokens": 3, "cost_status": "no_pricing_in_registry", "tier": "b"}
    assert summed_usage([priced, free]) == {
        "prompt_tokens": 5, "cost_status": "no_pricing_in_registry", "tier": "b"
    }  # fmt: skip
    assert summed_usage([priced, priced])["cost_breakdown"] == {"x": 2}
    assert summed_usage([{}, {}]) == {}


def test_calls_of_a_round_run_at_the_same_time() -> None:
    running = asyncio.Semaphore(0)

    async def meet(city: str) -> str:
        running.release()
        for _ in range(2):
            await running.acquire()  # both are there
        running.release()
        running.release()
        return city

    said = Said(calls=[("meet", {"city": "Rome"}), ("meet", {"city": "Oslo"})])
    turn, _, _ = ask(said, SUNNY, tools=[meet])
    assert told(turn) == ["Rome", "Oslo"]


def test_at_most_eight_calls_run_at_once() -> None:
    n_running = most = 0

    async def work() -> str:
        nonlocal n_running, most
        n_running += 1
        most = max(most, n_running)
        for _ in range(5):
            await asyncio.sleep(0)
        n_running -= 1
        return "done"

    turn, _, _ = ask(Said(calls=[("work", {})] * 20), SUNNY, tools=[work])
    assert (most, len(told(turn))) == (8, 20)


def test_more_calls_than_a_round_may_have_are_not_made() -> None:
    made = []

    async def work(n: int) -> str:
        made.append(n)
        return "done"

    said = Said(calls=[("work", {"n": n}) for n in range(70)])
    turn, _, _ = ask(said, SUNNY, tools=[work])
    assert len(made) == 64
    assert told(turn)[64:] == ["too many calls at once; make at most 64"] * 6


def test_calls_that_are_not_made_are_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    n_checked = 0

    def check(parameters: Any) -> Any:
        def count(_: Any) -> str:
            nonlocal n_checked
            n_checked += 1
            return ""

        return count

    monkeypatch.setattr("llmring.mcp.client.calls.argument_check", check)
    ask(Said(calls=[ROME] * 70), SUNNY, tools=[get_weather])
    assert n_checked == 64


def test_a_call_that_is_repeated_for_ever_is_stopped(streamed: bool) -> None:
    said = (CALLED, CALLED, CALLED, SUNNY)
    turn, _, bodies = ask(*said, streamed=streamed, tools=[get_weather], max_tool_rounds=3)
    assert (turn.content, turn.round_limit_reached) == ("It is sunny.", True)
    assert [body.get("tool_choice") for body in bodies] == [None, None, None, "none"]
    assert bodies[-1]["tools"] == bodies[0]["tools"]


def test_a_model_that_calls_even_then_leaves_no_call_without_result() -> None:
    turn, _, bodies = ask(CALLED, Said("Hm.", [ROME]), tools=[get_weather], max_tool_rounds=1)
    assert len(bodies) == 2
    assert (turn.content, turn.tool_calls) == ("Hm.", None)
    assert turn.messages[-1].tool_calls is None


def test_no_rounds_means_no_tools() -> None:
    turn, _, bodies = ask(SUNNY, tools=[get_weather], max_tool_rounds=0)
    assert (turn.content, bodies[0]["tool_choice"]) == ("It is sunny.", "none")
    assert not turn.round_limit_reached


def test_a_turn_without_tools_is_an_answer() -> None:
    turn, events, bodies = ask(SUNNY)
    assert "tools" not in bodies[0]
    assert (named(events), len(turn.messages)) == (["TurnEnded"], 1)


def test_a_tool_that_must_be_called_must_be_once() -> None:
    fields = {"tool_choice": "required"}
    _, _, bodies = ask(CALLED, SUNNY, tools=[get_weather], fields=fields)
    assert [body.get("tool_choice") for body in bodies] == ["required", None]


def test_an_error_has_what_the_rounds_before_it_did(streamed: bool) -> None:
    refused = wire.answer({"error": {"message": "no", "type": "invalid"}}, 400)
    with pytest.raises(ProviderRequestError) as caught:
        ask(CALLED, refused, streamed=streamed, tools=[get_weather])
    assert [one.role for one in caught.value.details["messages"]] == ["assistant", "tool"]


def test_a_tool_that_takes_too_long_is_ended() -> None:
    ended = []

    async def hang() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        return ""

    turn, _, _ = ask(Said(calls=[("hang", {})]), SUNNY, tools=[hang], tool_timeout_s=0.01)
    assert told(turn) == ["the call failed: the call took longer than 0.01 s, and was ended"]
    assert ended == [True]


def test_progress_is_told_while_a_call_runs(streamed: bool) -> None:
    async def work(arguments: dict[str, Any], on_progress: OnProgress | None) -> ToolResult:
        assert on_progress
        on_progress(Progress(1, 2, "half"))
        return ToolResult("done")

    said = Said(calls=[("raw", {})])
    _, events, _ = ask(said, SUNNY, streamed=streamed, tools=[raw_tool(work)])
    assert named(events) == ["ToolStarted", "ToolProgress", "ToolEnded", "TurnEnded"]
    (progress,) = [event for event in events if isinstance(event, ToolProgress)]
    assert (progress.call.name, progress.progress.message) == ("raw", "half")


def test_a_flood_of_progress_is_bounded() -> None:
    async def work(arguments: dict[str, Any], on_progress: OnProgress | None) -> ToolResult:
        assert on_progress
        for n in range(5000):
            on_progress(Progress(n))
        return ToolResult("done")

    _, events, _ = ask(Said(calls=[("raw", {})]), SUNNY, tools=[raw_tool(work)])
    assert 0 < named(events).count("ToolProgress") <= 1000


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_calls_run_only_if_they_are_approved(kind: str) -> None:
    asked: list[ToolUse] = []

    def approve(call: ToolUse) -> bool:
        asked.append(call)
        return call.arguments["city"] == "Rome"

    async def approve_later(call: ToolUse) -> bool:
        await asyncio.sleep(0)
        return approve(call)

    turn, events, _ = ask(
        Said(calls=[OSLO, ROME]),
        SUNNY,
        tools=[get_weather],
        approve=approve if kind == "plain" else approve_later,
    )
    assert [call.arguments["city"] for call in asked] == ["Oslo", "Rome"]
    assert told(turn) == ["the user does not want this call; do not repeat it", "Rome: sunny"]
    assert named(events) == ["ToolEnded", "ToolStarted", "ToolEnded", "TurnEnded"]


def test_what_approve_raises_ends_the_turn() -> None:
    def approve(call: ToolUse) -> bool:
        raise EOFError("no terminal")

    with pytest.raises(EOFError, match="no terminal"):
        ask(CALLED, SUNNY, tools=[get_weather], approve=approve)


def test_a_long_result_is_cut_visibly() -> None:
    def long() -> str:
        return "x" * 1000

    turn, _, _ = ask(Said(calls=[("long", {})]), SUNNY, tools=[long], max_result_chars=10)
    assert told(turn) == ["x" * 10 + "\n[cut: 990 more characters]"]


@pytest.mark.parametrize("way", ["cancelled", "left"])
def test_leaving_a_turn_ends_all_calls_that_run(way: str) -> None:
    ended = []

    async def hang(n: int) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(n)
        return ""

    async def use(llm: EnhancedLLM) -> None:
        n_started = 0
        both = asyncio.Event()

        async def read() -> None:
            nonlocal n_started
            async with llm.chat_stream(QUESTION) as stream:
                async for event in stream:
                    n_started += type(event).__name__ == "ToolStarted"
                    if n_started == 2:
                        both.set()
                        if way == "left":
                            return

        reading = asyncio.create_task(read())
        await both.wait()
        await asyncio.sleep(0)
        if way == "cancelled":
            reading.cancel()
        await asyncio.wait([reading])

    with ScriptedServer((Said(calls=[("hang", {"n": 1}), ("hang", {"n": 2})]),)) as server:
        with_llm(server, use, tools=[hang])
    assert sorted(ended) == [1, 2]


def test_a_turn_that_was_left_has_no_answer() -> None:
    async def use(llm: EnhancedLLM) -> None:
        stream = llm.chat_stream(QUESTION)
        await stream.aclose()
        with pytest.raises(ProviderAnswerError, match="left before its end"):
            await stream.turn()

    with ScriptedServer((SUNNY,)) as server:
        with_llm(server, use)


def test_a_conversation_with_calls_goes_on_at_another_provider(tmp_path: Any) -> None:
    lockfile = tmp_path / "llmring.lock"
    lockfile.write_text(
        'version = "1.0"\n[profiles.default]\nname = "default"\n'
        '[[profiles.default.bindings]]\nalias = "fast"\n'
        f'models = ["{MODELS["openai"]}", "{MODELS["anthropic"]}"]\n'
    )
    down = wire.answer({"error": {"message": "no", "type": "overloaded"}}, 503)

    async def main(first: ScriptedServer, second: ScriptedServer) -> Any:
        from cloud import close_all_cloud_clients

        async with LLMRing(lockfile_path=lockfile) as ring:
            ring.register_provider("openai", api_key="k", base_url=first.url)
            ring.register_provider("anthropic", api_key="k", base_url=second.url)
            async with EnhancedLLM(ring, tools=[get_weather]) as llm:
                turn = await llm.chat(QUESTION)
        await close_all_cloud_clients()
        return turn

    with ScriptedServer((CALLED, down)) as first, ScriptedServer((SUNNY,)) as second:
        turn = asyncio.run(main(first, second))
        body = json.loads(second.bodies[0])
    assert turn.model == MODELS["anthropic"]
    assert body["messages"][1]["content"][0]["type"] == "tool_use"
    assert body["messages"][2]["content"][0]["content"] == "Rome: sunny"
    outcomes = [(one["round"], one["outcome"]) for one in turn.attempts]
    assert outcomes == [(1, "answered"), (2, "failed"), (2, "answered")]
