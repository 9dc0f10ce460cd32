"""Every script, played to both twins, whole and streamed, however cut, comes to the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cloud import close_all_cloud_clients
from cloud.llm.async_client import AsyncChatClient
from cloud.llm.client import ChatClient
from LLM.exceptions import LLMResponseError
from tests.cloud.play import (
    MESSAGES,
    PROVIDERS,
    SETTINGS,
    SIZES,
    Outcome,
    Provider,
    aoutcome,
    apieces,
    astreamed,
    check,
    decoded,
    every_script,
    outcome,
    pieces,
    streamed,
)
from tests.cloud.scripts import Script
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow


@dataclass
class Stage:
    """One server and one event loop, and each provider's twins on them."""

    server: ScriptedServer
    runner: asyncio.Runner
    twins: dict[str, tuple[ChatClient, AsyncChatClient]]

    def answer_with(self, answer: bytes) -> None:
        self.server.scripts = (answer,)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with ScriptedServer((b"",), record=False) as server, asyncio.Runner() as runner:
        settings: dict[str, Any] = {"base_url": server.url, **SETTINGS}
        twins = {p.name: (p.client(**settings), p.async_client(**settings)) for p in PROVIDERS}
        yield Stage(server, runner, twins)
        runner.run(close_all_cloud_clients())


Ways = dict[str, Outcome]


def _whole(stage: Stage, provider: Provider, script: Script) -> Ways:
    """The outcome of each way to ask for a whole answer."""
    if script.plain is None:
        return {}
    client, aclient = stage.twins[provider.name]
    stage.answer_with(provider.plain_answer(script))
    return {
        "chat": outcome(lambda: client.chat(MESSAGES, **script.call)),
        "async chat": stage.runner.run(aoutcome(aclient.chat(MESSAGES, **script.call))),
    }


def _streamed(stage: Stage, provider: Provider, script: Script) -> Ways:
    """The outcome of each way to stream an answer, at each size of its pieces."""
    if not script.is_streamed:
        return {}
    client, aclient = stage.twins[provider.name]
    found = {}
    for size in SIZES:
        stage.answer_with(provider.stream_answer(script, size))
        found[f"events {size}"] = streamed(client, script)
        found[f"async events {size}"] = stage.runner.run(astreamed(aclient, script))
        if script.stream is not None:
            # The sockets cut where they please; here every piece has the size.
            found[f"decoder {size}"] = decoded(client, script, size)
    return found


SCRIPTS = [pytest.param(p, s, id=f"{p.name}-{s.name}") for p, s in every_script()]


@pytest.mark.parametrize(("provider", "script"), SCRIPTS)
def test_every_way_to_call_comes_to_the_same(
    stage: Stage, provider: Provider, script: Script
) -> None:
    whole = _whole(stage, provider, script)
    streams = _streamed(stage, provider, script)
    for ways in (whole, streams):
        for way, found in ways.items():
            check(script, found)
            assert found == next(iter(ways.values())), way
    if whole and streams:
        assert _common(streams["events 1"]) == _common(whole["chat"])


def _common(found: Outcome) -> Outcome:
    """What must be the same of an answer that is streamed and one that is not."""
    # What cannot be read is quoted, and the two do not send the same.
    quotes = found.get("error") is LLMResponseError
    left_out = ("text", "message", "args") if quotes else ("text",)
    return {name: value for name, value in found.items() if name not in left_out}


@pytest.mark.parametrize(("provider", "script"), [p for p in SCRIPTS if p.values[1].is_streamed])
def test_text_streams_give_the_text_of_the_events(
    stage: Stage, provider: Provider, script: Script
) -> None:
    client, aclient = stage.twins[provider.name]
    stage.answer_with(provider.stream_answer(script, 7))
    texts, error = pieces(client.chat_stream(MESSAGES, **script.call))
    found = stage.runner.run(apieces(lambda: aclient.chat_stream(MESSAGES, **script.call)))
    assert found == (texts, error)
    assert "" not in texts
    assert "".join(texts) == streamed(client, script)["text"]
    assert (error or {}).get("error") == script.error


def test_every_provider_has_its_scripts() -> None:
    counts = {provider.name: len(provider.scripts) for provider in PROVIDERS}
    assert min(counts.values()) >= 12, counts
    names = Counter((provider.name, script.name) for provider, script in every_script())
    assert [name for name, count in names.items() if count > 1] == []
