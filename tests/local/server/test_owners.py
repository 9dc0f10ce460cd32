"""What was kept for one key: no other key sees it, goes on from it or deletes it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_llm_kit.server import LocalServer
from tests.local.http import ask
from tests.local.server.responses_support import PATH, create
from tests.local.support import running_server

CHAT = "/v1/chat/completions"
OURS = {"Authorization": "Bearer ours"}
THEIRS = {"Authorization": "Bearer theirs"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with two keys."""
    keys: Path = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text("ours\ntheirs\n")
    with running_server(api_key_file=keys) as server:
        yield server


@pytest.fixture(scope="module")
def name(shared: LocalServer) -> str:
    """A response of ours."""
    body = {"input": "a secret", "max_output_tokens": 4}
    name: str = ask(shared.url, PATH, body, headers=OURS).json["id"]
    return name


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/{}", None),
        ("GET", "/{}/input_items", None),
        ("DELETE", "/{}", None),
        ("POST", "/{}/cancel", {}),
        ("POST", "", {"input": "x", "previous_response_id": "{}"}),
        ("POST", "/input_tokens", {"input": "x", "previous_response_id": "{}"}),
    ],
    ids=["read", "items", "delete", "cancel", "go on", "count"],
)
def test_a_response_of_another_key_is_not_found(
    shared: LocalServer, name: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    if body:
        body = {field: value.format(name) for field, value in body.items()}
    answer = ask(shared.url, PATH + path.format(name), body, method=method, headers=THEIRS)
    assert answer.status == 404
    assert answer.error["code"].endswith("response_not_found")
    assert ask(shared.url, f"{PATH}/{name}", headers=OURS).status == 200


def test_an_item_of_another_key_cannot_be_referred_to(shared: LocalServer, name: str) -> None:
    items = ask(shared.url, f"{PATH}/{name}/input_items", headers=OURS).json["data"]
    body = {"input": [{"type": "item_reference", "id": items[0]["id"]}], "max_output_tokens": 4}
    refused = ask(shared.url, PATH, body, headers=THEIRS)
    assert (refused.status, refused.error["code"]) == (400, "item_not_found")
    assert ask(shared.url, PATH, body, headers=OURS).status == 200


@pytest.fixture(scope="module")
def completion(shared: LocalServer) -> str:
    """A chat completion of ours."""
    body = {"messages": [{"role": "user", "content": "x"}], "store": True, "max_tokens": 4}
    completion: str = ask(shared.url, CHAT, body, headers=OURS).json["id"]
    return completion


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", "/messages", None),
        ("POST", "", {"metadata": {"of": "theirs"}}),
        ("DELETE", "", None),
    ],
    ids=["read", "messages", "change", "delete"],
)
def test_a_completion_of_another_key_is_not_found(
    shared: LocalServer, completion: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    path = f"{CHAT}/{completion}{path}"
    answer = ask(shared.url, path, body, method=method, headers=THEIRS)
    assert (answer.status, answer.error["code"]) == (404, "completion_not_found")


def test_completions_of_another_key_are_not_listed(shared: LocalServer, completion: str) -> None:
    assert ask(shared.url, CHAT, headers=THEIRS).json["data"] == []
    listed = ask(shared.url, CHAT, headers=OURS).json["data"]
    assert [one["id"] for one in listed] == [completion]
    assert listed[0]["metadata"] == {}


def test_a_key_is_one_owner_however_it_is_sent(shared: LocalServer, name: str) -> None:
    assert ask(shared.url, f"{PATH}/{name}", headers={"x-api-key": "ours"}).status == 200


def test_references_do_not_multiply_what_is_kept(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = create(server, {"input": "x" * 500, "max_output_tokens": 4})["id"]
    item = ask(server.url, f"{PATH}/{name}/input_items").json["data"][0]["id"]
    module = importlib.import_module("local_llm_kit.server.responses.routes")
    monkeypatch.setattr(module, "MAX_CONVERSATION_BYTES", 10_000)
    answer = ask(server.url, PATH, {"input": [{"type": "item_reference", "id": item}] * 100})
    assert answer.status == 400
    assert "larger than 10,000 bytes" in answer.error["message"]
