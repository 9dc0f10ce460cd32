"""Conversations that the server keeps: gone on with, forked, listed, referred to, deleted."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from local_llm_kit.server import LocalServer
from tests.local.http import ask
from tests.local.server.responses_support import PATH, TOOL, create, stream

pytestmark = pytest.mark.slow


def go_on(server: LocalServer, body: dict[str, Any], streamed: bool = False) -> dict[str, Any]:
    body = {"temperature": 0, "max_output_tokens": 24} | body
    if streamed:
        response: dict[str, Any] = stream(server, body)[-1]["response"]
        return response
    return create(server, body)


def input_of(server: LocalServer, response: dict[str, Any], query: str = "") -> dict[str, Any]:
    answer = ask(server.url, f"{PATH}/{response['id']}/input_items?{query}")
    assert answer.status == 200
    listed: dict[str, Any] = answer.json
    return listed


def without_ids(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in item.items() if name != "id"} for item in items]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_three_turns_are_answered_as_when_all_is_sent_each_time(
    server: LocalServer, streamed: bool
) -> None:
    said: list[dict[str, Any]] = []
    previous = None
    for text in ("My name is Ada.", "What is my name?", "Thank you!"):
        said.append({"role": "user", "content": text})
        kept = go_on(server, {"input": text, "previous_response_id": previous}, streamed)
        sent = go_on(server, {"input": said, "store": False})
        assert without_ids(kept["output"]) == without_ids(sent["output"])
        assert kept["usage"]["input_tokens"] == sent["usage"]["input_tokens"]
        assert kept["previous_response_id"] == previous
        previous, said = kept["id"], [*said, *kept["output"]]


def test_a_conversation_forks(server: LocalServer) -> None:
    first = go_on(server, {"input": "My name is Ada."})
    for text in ("Hello!", "What is my name?"):
        kept = go_on(server, {"input": text, "previous_response_id": first["id"]})
        items = input_of(server, kept, "order=asc")["data"]
        assert [item["role"] for item in items] == ["user", "assistant", "user"]
        assert items[-1]["content"][0]["text"] == text


def test_calls_and_their_results_are_carried_on(server: LocalServer) -> None:
    asked = {"input": "What is the weather in Paris?", "tools": [TOOL], "max_output_tokens": 60}
    first = go_on(server, asked)
    (call,) = first["output"]
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
    second = go_on(server, {"input": [result], "previous_response_id": first["id"]})
    third = go_on(server, {"input": "Thanks", "previous_response_id": second["id"]})
    items = input_of(server, third, "order=asc")["data"]
    assert [item["type"] for item in items] == [
        "message", "function_call", "function_call_output", "message", "message",
    ]  # fmt: skip


def test_instructions_are_of_one_turn(server: LocalServer) -> None:
    first = go_on(server, {"input": "Hi", "instructions": "Be brief. " * 20})
    second = go_on(server, {"input": "Hi", "previous_response_id": first["id"]})
    assert second["usage"]["input_tokens"] < first["usage"]["input_tokens"]
    assert second["instructions"] is None


def test_a_conversation_goes_on_when_its_beginning_is_deleted(server: LocalServer) -> None:
    first = go_on(server, {"input": "My name is Ada."})
    second = go_on(server, {"input": "Hello!", "previous_response_id": first["id"]})
    assert ask(server.url, f"{PATH}/{first['id']}", method="DELETE").json == {
        "id": first["id"], "object": "response", "deleted": True,
    }  # fmt: skip
    assert ask(server.url, f"{PATH}/{first['id']}").status == 404
    third = go_on(server, {"input": "What is my name?", "previous_response_id": second["id"]})
    assert len(input_of(server, third)["data"]) == 5


def test_input_is_listed_in_pages(server: LocalServer) -> None:
    texts = [f"{i}" for i in range(5)]
    response = go_on(server, {"input": [{"role": "user", "content": text} for text in texts]})
    found: list[str] = []
    after = ""
    while True:
        page = input_of(server, response, f"limit=2{after}")
        found += [item["content"][0]["text"] for item in page["data"]]
        assert page["first_id"] == page["data"][0]["id"]
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert found == texts[::-1]
    assert page["object"] == "list"


def test_an_item_that_is_kept_can_be_referred_to(server: LocalServer) -> None:
    first = go_on(server, {"input": "Hello!"})
    reference = {"type": "item_reference", "id": first["output"][0]["id"]}
    second = go_on(server, {"input": [reference, {"role": "user", "content": "Hi"}]})
    assert input_of(server, second, "order=asc")["data"][0] == first["output"][0]


def test_ids_of_others_cannot_be_guessed(server: LocalServer) -> None:
    said = {"role": "user", "content": "a secret", "id": "__fake_id__"}
    go_on(server, {"input": [said]})
    reference = {"type": "item_reference", "id": "__fake_id__"}
    answer = ask(server.url, PATH, {"input": [reference]})
    assert (answer.status, answer.error["code"]) == (400, "item_not_found")


def test_what_is_not_stored_is_not_found(server: LocalServer) -> None:
    response = go_on(server, {"input": "Hi", "store": False})
    answer = ask(server.url, f"{PATH}/{response['id']}")
    assert (answer.status, answer.error["code"]) == (404, "response_not_found")
    body = {"input": "Hi", "previous_response_id": response["id"]}
    answer = ask(server.url, PATH, body)
    assert (answer.status, answer.error["param"]) == (404, "previous_response_id")
    assert answer.error["code"] == "previous_response_not_found"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{PATH}/resp_none"),
        ("DELETE", f"{PATH}/resp_none"),
        ("POST", f"{PATH}/resp_none/cancel"),
        ("GET", f"{PATH}/resp_none/input_items"),
    ],
    ids=["get", "delete", "cancel", "input-items"],
)
def test_an_unknown_id_is_not_found(server: LocalServer, method: str, path: str) -> None:
    answer = ask(server.url, path, method=method)
    assert (answer.status, answer.error["code"]) == (404, "response_not_found")
    assert "resp_none" in answer.error["message"]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=9999999999", "limit"),
        ("limit=%C2%B2", "limit"),
        ("order=up", "order"),
        ("after=msg_none", "after"),
    ],
)
def test_a_page_that_cannot_be_is_refused(server: LocalServer, query: str, param: str) -> None:
    response = go_on(server, {"input": "Hi", "max_output_tokens": 1})
    answer = ask(server.url, f"{PATH}/{response['id']}/input_items?{query}")
    assert (answer.status, answer.error["param"]) == (400, param)


def test_a_kept_response_is_not_streamed(server: LocalServer) -> None:
    response = go_on(server, {"input": "Hi", "max_output_tokens": 1})
    answer = ask(server.url, f"{PATH}/{response['id']}?stream=true")
    assert (answer.status, answer.error["param"]) == (400, "stream")


def test_only_a_response_in_the_background_is_cancelled(server: LocalServer) -> None:
    response = go_on(server, {"input": "Hi", "max_output_tokens": 1})
    answer = ask(server.url, f"{PATH}/{response['id']}/cancel", method="POST")
    assert (answer.status, answer.error["param"]) == (400, "id")


def test_conversations_are_bounded(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    routes = sys.modules["local_llm_kit.server.responses.routes"]  # a function has its name
    monkeypatch.setattr(routes, "MAX_CONVERSATION_BYTES", 2000)
    monkeypatch.setattr(routes, "MAX_ITEMS", 8)
    long = go_on(server, {"input": "x" * 2000, "max_output_tokens": 1})
    answer = ask(server.url, PATH, {"input": "Hi", "previous_response_id": long["id"]})
    assert (answer.status, answer.error["param"]) == (400, "previous_response_id")
    first = go_on(server, {"input": "Hi", "max_output_tokens": 1})
    many = [{"role": "user", "content": "Hi"}] * 7
    answer = ask(server.url, PATH, {"input": many, "previous_response_id": first["id"]})
    assert (answer.status, answer.error["param"]) == (400, "input")
