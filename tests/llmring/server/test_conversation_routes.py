"""Conversations over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from llmring.conversations.sql.store import SQLStore
from llmring.exceptions import StoreError
from tests.llmring.server.servers import Client

pytestmark = pytest.mark.slow


def begun(client: Client, *texts: str, **fields: Any) -> str:
    """A conversation with what a user says."""
    made: str = client.post("/conversations/", fields)["id"]
    messages = [{"role": "user", "content": text} for text in texts]
    client.post(f"/conversations/{made}/messages/batch", {"messages": messages})
    return made


def test_a_conversation_is_made_changed_listed_and_deleted(ada: Client) -> None:
    made = ada.post(
        "/conversations/", {"title": "Boats", "model_alias": "fast", "project_id": None}
    )
    path = f"/conversations/{made['id']}"
    assert ada.ask("PATCH", path, {"title": "Ships"}).body["title"] == "Ships"
    assert [one["title"] for one in ada.get("/conversations")] == ["Ships"]
    assert ada.ask("DELETE", path).body == {"id": made["id"], "deleted": True}
    assert ada.ask("GET", path).status == 404
    assert ada.ask("DELETE", path).status == 404


def test_messages_come_with_the_conversation_when_they_are_asked_for(ada: Client) -> None:
    path = f"/conversations/{begun(ada, *'abcd')}"
    assert ada.get(path)["messages"] is None
    assert len(ada.get(path, include_messages=True)["messages"]) == 4
    assert [one["content"] for one in ada.get(path, message_limit=2)["messages"]] == ["c", "d"]
    assert [one["content"] for one in ada.get(f"{path}/messages", limit=1, before=3)] == ["b"]
    assert [one["content"] for one in ada.get(f"{path}/messages", limit=2, offset=1)] == ["b", "c"]
    assert len(ada.get(f"{path}/messages", before=2**63 - 1)) == 4


def test_a_batch_may_tell_what_came_before_and_how_much_to_keep(ada: Client) -> None:
    made = begun(ada, "Hello")
    batch = {
        "conversation_id": made,
        "context": [{"role": "user", "content": "Hello"}],
        "messages": [{"role": "assistant", "content": "Hi", "output_tokens": 3, "cost": 0.5}],
        "logging_level": "metadata",
    }
    (kept,) = ada.post(f"/conversations/{made}/messages/batch", batch)
    assert (kept["position"], kept["content"], kept["output_tokens"]) == (2, None, 3)
    assert ada.get(f"/conversations/{made}")["cost"] == 0.5


def test_one_message_can_be_added(ada: Client) -> None:
    made = begun(ada)
    body = {"role": "user", "content": "a\ud800\x00", "timestamp": None}
    assert ada.ask("POST", f"/conversations/{made}/messages", body).status == 201
    assert ada.get(f"/conversations/{made}/messages")[0]["content"] == "a\ud800\x00"


def test_search_finds_what_was_said(ada: Client, eve: Client) -> None:
    made = begun(ada, "the Red boat", title="%")
    assert ada.get("/conversations/search", q="red BOAT")[0]["conversation_id"] == made
    assert ada.get("/conversations/search", q="' OR 1=1 --") == []
    assert eve.get("/conversations/search", q="boat") == []


def test_a_call_is_kept_as_a_conversation(ada: Client) -> None:
    call = {
        "messages": [{"role": "user", "content": "Hello", "timestamp": None}],
        "response": {"content": "Hi", "model": "openai:gpt-4o", "finish_reason": "stop",
                     "usage": {"prompt_tokens": 5, "completion_tokens": 2}},
        "metadata": {"provider": "openai", "model": "gpt-4o", "origin": "x", "cost": 0.25},
    }  # fmt: skip
    made = ada.post("/conversations/log", call)
    assert made["message_count"] == 2
    found = ada.get(f"/conversations/{made['conversation_id']}", include_messages=True)
    assert found["model_alias"] == "openai:gpt-4o"
    assert (found["cost"], found["input_tokens"], found["output_tokens"]) == (0.25, 5, 2)
    more = {"messages": [*call["messages"], found["messages"][1], {"role": "user", "content": "?"}],
            "response": {"content": "!"}, "metadata": {"conversation_id": found["id"]}}  # fmt: skip
    for name in ("position", "logging_level"):
        del found["messages"][1][name]
    assert ada.post("/conversations/log", more)["message_count"] == 2
    assert ada.get("/stats")["summary"]["calls"] == 0


def test_a_call_whose_messages_cannot_be_kept_leaves_no_conversation(
    ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full_disk(*args: Any) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr(SQLStore, "_add", full_disk)
    log = {"messages": [], "response": {"content": "Hi"}, "metadata": {}}
    assert ada.ask("POST", "/conversations/log", log).status >= 500
    assert ada.get("/conversations") == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"title": "x"}),
        ("DELETE", "", None),
        ("GET", "/messages", None),
        ("POST", "/messages", {"role": "user", "content": "x"}),
        ("POST", "/messages/batch", {"messages": []}),
    ],
    ids=["get", "change", "delete", "messages", "add", "add batch"],
)
def test_another_tenants_conversation_is_not_there(
    ada: Client, eve: Client, method: str, path: str, body: Any
) -> None:
    made = begun(ada, "secret")
    theirs = eve.ask(method, f"/conversations/{made}{path}", body)
    nobodys = eve.ask(method, f"/conversations/{uuid4()}{path}", body)
    assert (theirs.status, theirs.code) == (nobodys.status, nobodys.code) == (404, "not_found")
    assert ada.get(f"/conversations/{made}")["message_count"] == 1
    log = {"messages": [], "response": {"content": ""}, "metadata": {"conversation_id": made}}
    assert eve.ask("POST", "/conversations/log", log).status == 404


def test_the_path_and_the_body_must_name_one_conversation(ada: Client) -> None:
    body = {"conversation_id": str(uuid4()), "messages": []}
    answer = ada.ask("POST", f"/conversations/{begun(ada)}/messages/batch", body)
    assert (answer.status, answer.body["error"]["param"]) == (400, "conversation_id")
