"""The providers' own SDKs, against the same server, read what our clients read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cloud.llm import ChatResponse
from tests.cloud.official import SDKS, Reading
from tests.cloud.play import MESSAGES, PROVIDERS, SETTINGS, Provider, arguments_of, every_script
from tests.cloud.scripts import Script
from tests.remote.scripted_server import ScriptedServer


def _readable(is_whole: bool) -> list[Any]:
    return [
        pytest.param(provider, script, id=f"{provider.name}-{script.name}")
        for provider, script in every_script()
        if script.sdk and not script.error
        if (script.plain if is_whole else script.stream) is not None
    ]


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer((b"",), record=False) as server:
        yield server


@pytest.fixture(scope="module")
def readers(server: ScriptedServer) -> Iterator[dict[str, tuple[Any, Any]]]:
    """Each provider's own SDK, and our client."""
    pairs = {
        p.name: (SDKS[p.name](server.url), p.client(base_url=server.url, **SETTINGS))
        for p in PROVIDERS
    }
    yield pairs
    for sdk, _ in pairs.values():
        sdk.close()


def _read(response: ChatResponse) -> Reading:
    return Reading(
        response.content,
        [(call.name, arguments_of(call)) for call in response.tool_calls],
        response.input_tokens,
        response.output_tokens,
        response.reasoning,
    )


@pytest.mark.parametrize(("provider", "script"), _readable(is_whole=True))
def test_a_whole_answer_reads_the_same(
    server: ScriptedServer, readers: Any, provider: Provider, script: Script
) -> None:
    server.scripts = (provider.plain_answer(script),)
    sdk, client = readers[provider.name]
    assert _read(client.chat(MESSAGES, **script.call)) == sdk.whole()


@pytest.mark.parametrize(("provider", "script"), _readable(is_whole=False))
def test_a_stream_reads_the_same(
    server: ScriptedServer, readers: Any, provider: Provider, script: Script
) -> None:
    server.scripts = (provider.stream_answer(script),)
    sdk, client = readers[provider.name]
    assert _read(client.events(MESSAGES, **script.call).response) == sdk.streamed()


def test_most_scripts_are_read_by_the_sdk() -> None:
    for provider in PROVIDERS:
        read = [script for script in provider.scripts if script.sdk and not script.error]
        assert len(read) >= 8, provider.name
