"""The lists of models, as each provider gives them, read by both twins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

import cloud.llm
from cloud import close_all_cloud_clients
from cloud.llm.questions import MAX_PAGES
from LLM.exceptions import LLMAuthError, LLMResponseError
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

KEY = "sk-test-1234"

#: Each provider's pages, the paths that are asked for them, and the names that they come to.
LISTS: dict[str, tuple[list[Any], list[str], list[str]]] = {
    "OpenAICompat": (
        [{"object": "list", "data": [{"id": "gpt-4o"}, {"id": "o3", "object": "model"}]}],
        ["/v1/models"],
        ["gpt-4o", "o3"],
    ),
    "Anthropic": (
        [
            {"data": [{"id": "claude-a"}], "has_more": True, "last_id": "claude-a"},
            {"data": [{"id": "claude-b"}], "has_more": False, "last_id": "claude-b"},
        ],
        ["/v1/models?limit=1000", "/v1/models?limit=1000&after_id=claude-a"],
        ["claude-a", "claude-b"],
    ),
    "Gemini": (
        [
            {
                "models": [
                    {
                        "name": "models/gemini-3.8-flash",
                        "supportedGenerationMethods": ["generateContent", "countTokens"],
                    },
                    {
                        "name": "models/gemini-embedding-2",
                        "supportedGenerationMethods": ["embedContent"],
                    },
                ],
                "nextPageToken": "a/b=",
            },
            {"models": [{"name": "models/untold"}]},
        ],
        ["/v1beta/models?pageSize=1000", "/v1beta/models?pageSize=1000&pageToken=a%2Fb%3D"],
        ["gemini-3.8-flash", "untold"],
    ),
    "Ollama": ([{"models": [{"name": "a:latest"}]}], ["/api/tags"], ["a:latest"]),
}


def blocking(provider: str, **settings: Any) -> list[str]:
    found: list[str] = getattr(cloud.llm, f"{provider}Client")(**settings).list_models()
    return found


def coroutine(provider: str, **settings: Any) -> list[str]:
    async def run() -> list[str]:
        found: list[str] = await getattr(cloud.llm, f"Async{provider}Client")(
            **settings
        ).list_models()
        await close_all_cloud_clients()
        return found

    return asyncio.run(run())


Twin = Callable[..., list[str]]
both_twins = pytest.mark.parametrize("twin", [blocking, coroutine], ids=["blocking", "async"])


def pages(bodies: Iterable[Any]) -> ScriptedServer:
    return ScriptedServer(tuple(map(wire.answer, bodies)))


@both_twins
@pytest.mark.parametrize("provider", LISTS)
def test_models_are_listed_by_the_names_that_calls_take(twin: Twin, provider: str) -> None:
    bodies, paths, names = LISTS[provider]
    with pages(bodies) as server:
        assert twin(provider, base_url=server.url, api_key=KEY) == names
    assert [(r.method, r.path) for r in server.requests] == [("GET", path) for path in paths]
    assert all(KEY in str(request.headers) for request in server.requests)


@both_twins
@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("OpenAICompat", {"object": "list", "data": []}),
        ("Anthropic", {"data": [], "has_more": False, "last_id": None}),
        ("Gemini", {}),
    ],
)
def test_a_provider_may_have_none(twin: Twin, provider: str, body: Any) -> None:
    with pages([body]) as server:
        assert twin(provider, base_url=server.url) == []


@both_twins
@pytest.mark.parametrize("provider", ["OpenAICompat", "Anthropic", "Gemini"])
@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"models":[{}],"data":[{}]}', b"[" * 9_999])
def test_what_is_no_list_is_refused(twin: Twin, provider: str, body: bytes) -> None:
    with pages([body]) as server, pytest.raises(LLMResponseError):
        twin(provider, base_url=server.url)


@both_twins
@pytest.mark.parametrize("provider", LISTS)
def test_a_refused_key_is_told(twin: Twin, provider: str) -> None:
    refusal = wire.answer({"error": {"message": "no", "type": "x"}}, 401)
    with ScriptedServer((refusal,)) as server, pytest.raises(LLMAuthError) as caught:
        twin(provider, base_url=server.url, api_key=KEY)
    assert KEY not in str(caught.value)


@both_twins
def test_a_list_without_an_end_is_given_up(twin: Twin) -> None:
    page = {"models": [], "nextPageToken": "again"}
    with pages([page]) as server, pytest.raises(LLMResponseError, match="more than 100 pages"):
        twin("Gemini", base_url=server.url)
    assert len(server.requests) == MAX_PAGES
