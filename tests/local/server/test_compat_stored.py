"""Chat completions that are kept: `store`, and what can be done with them then."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from local_llm_kit.server import LocalServer
from local_llm_kit.server.openai import chat
from local_llm_kit.server.openai.store import CompletionStore
from tests.local.http import ask, connect, request
from tests.local.server import published
from tests.local.server.test_compat_schemas import chunks, require_keys
from tests.local.support import running_server

PATH = "/v1/chat/completions"
BODY: dict[str, Any] = {
    "model": "tiny", "messages": [{"role": "user", "content": "Hello!"}], "temperature": 0,
}  # fmt: skip
KEPT = BODY | {"store": True}


@pytest.fixture(scope="module")
def keeper() -> Iterator[LocalServer]:
    with running_server() as server:
        yield server


def test_only_what_is_to_be_kept_is_kept(keeper: LocalServer) -> None:
    for store in ({}, {"store": False}, {"store": None}):
        answer = ask(keeper.url, PATH, BODY | store)
        assert "x-ignored-parameters" not in answer.headers
        assert (
            ask(keeper.url, f"{PATH}/{answer.json['id']}").error["code"] == "completion_not_found"
        )


def test_a_kept_completion_is_got_noted_and_forgotten(keeper: LocalServer) -> None:
    answer = ask(keeper.url, PATH, KEPT | {"metadata": {"topic": "boats"}})
    path = f"{PATH}/{answer.json['id']}"
    assert "x-ignored-parameters" not in answer.headers
    assert ask(keeper.url, path).json == answer.json | {"metadata": {"topic": "boats"}}
    assert ask(keeper.url, path, {"metadata": {"a": "b"}}).json["metadata"] == {"a": "b"}
    assert ask(keeper.url, path).json["metadata"] == {"a": "b"}
    assert ask(keeper.url, path, method="DELETE").json["deleted"] is True
    for method in ("GET", "DELETE", "POST"):
        body = {"metadata": None} if method == "POST" else None
        assert ask(keeper.url, path, body, method=method).status == 404
    assert ask(keeper.url, f"{path}/messages").status == 404


@pytest.mark.parametrize("more", [{}, {"max_tokens": 2}, {"n": 2, "seed": 3}])
def test_a_streamed_completion_is_kept_as_it_would_be_whole(
    keeper: LocalServer, more: dict[str, Any]
) -> None:
    whole = ask(keeper.url, PATH, KEPT | more).json
    streamed = chunks(keeper.url, PATH, KEPT | more)
    kept = ask(keeper.url, f"{PATH}/{streamed[0]['id']}").json
    require_keys(kept)
    assert kept["choices"] == whole["choices"]
    assert kept["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]


@pytest.mark.parametrize("stream", [False, True])
def test_what_its_client_left_is_not_kept(keeper: LocalServer, stream: bool) -> None:
    endless = {"logit_bias": {"0": -100, "1": -100, "2": -100}, "metadata": {"left": str(stream)}}
    sock = connect(keeper.url)
    sock.sendall(request(keeper.url, PATH, KEPT | endless | {"stream": stream}))
    while ask(keeper.url, "/health").json["running"] == 0:
        continue
    sock.close()
    while ask(keeper.url, "/health").json["running"]:
        continue
    found = ask(keeper.url, f"{PATH}?metadata[left]={stream}").json
    assert found["data"] == []


def test_scores_of_a_streamed_completion_are_kept(keeper: LocalServer) -> None:
    body = KEPT | {"logprobs": True, "top_logprobs": 1}
    kept = ask(keeper.url, f"{PATH}/{chunks(keeper.url, PATH, body)[0]['id']}").json
    require_keys(kept)
    scores = kept["choices"][0]["logprobs"]["content"]
    assert "".join(one["token"] for one in scores) == kept["choices"][0]["message"]["content"]


def test_kept_completions_are_listed_by_pages_and_notes(keeper: LocalServer) -> None:
    notes = {"list": "this"}
    ids = [ask(keeper.url, PATH, KEPT | {"metadata": notes}).json["id"] for _ in range(3)]
    with openai.OpenAI(base_url=f"{keeper.url}/v1", api_key="x") as sdk:
        completions = sdk.chat.completions
        assert [one.id for one in completions.list(metadata=notes, limit=2)] == ids
        newest = completions.list(metadata=notes, order="desc", limit=1).data
        assert [one.id for one in newest] == ids[2:]
        assert completions.list(metadata=notes, model="other").data == []
        assert completions.list(metadata={"list": "that"}).data == []
        assert completions.list(after="none").data == []


def test_the_messages_of_a_kept_completion_are_listed(keeper: LocalServer) -> None:
    parts = [{"type": "text", "text": "Hello!"}]
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": parts}]
    answer = ask(keeper.url, PATH, KEPT | {"messages": messages}).json
    listed = ask(keeper.url, f"{PATH}/{answer['id']}/messages").json
    assert [one["content"] for one in listed["data"]] == ["Be kind.", None]
    assert [one["content_parts"] for one in listed["data"]] == [None, parts]
    assert listed["first_id"] == f"{answer['id']}-0"
    assert listed["has_more"] is False


def test_messages_are_read_beside_the_event_loop(
    keeper: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def from_json(data: bytes) -> Any:
        threads.append(threading.current_thread().name)
        return json.loads(data)

    name = ask(keeper.url, PATH, KEPT).json["id"]
    monkeypatch.setattr(chat, "from_json", from_json)
    (message,) = ask(keeper.url, f"{PATH}/{name}/messages").json["data"]
    assert message["content"] == "Hello!"
    assert [thread.partition("-")[0] for thread in threads] == ["server"]


def test_lists_are_as_published(keeper: LocalServer) -> None:
    published.require_document()
    chunks(keeper.url, PATH, KEPT)
    completion = ask(keeper.url, PATH, KEPT).json
    kept = ask(keeper.url, f"{PATH}/{completion['id']}").json
    published.check("CreateChatCompletionResponse", kept)
    published.check("ChatCompletionList", ask(keeper.url, PATH).json)
    deleted = ask(keeper.url, f"{PATH}/{completion['id']}", method="DELETE").json
    published.check("ChatCompletionDeleted", deleted)


@pytest.mark.parametrize(
    ("query", "param"),
    [("limit=101", "limit"), ("limit=-1", "limit"), ("limit=x", "limit"), ("order=up", "order")],
)
def test_a_wrong_parameter_of_a_list_is_named(keeper: LocalServer, query: str, param: str) -> None:
    assert ask(keeper.url, f"{PATH}?{query}").error["param"] == param


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": 7}, {"metadata": {"a": 1}}, {"metadata": {"a" * 65: "b"}},
        {"metadata": {"a": "b" * 513}}, {"metadata": {str(i): "x" for i in range(17)}},
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_wrong_metadata_is_refused(keeper: LocalServer, fields: dict[str, Any]) -> None:
    answer = ask(keeper.url, PATH, KEPT | fields)
    assert (answer.status, answer.error["param"]) == (400, "metadata")


def completion(name: str, size: int = 0) -> dict[str, Any]:
    return {"id": name, "model": "tiny", "text": "x" * size}


def test_the_oldest_give_way_by_number() -> None:
    store = CompletionStore(max_completions=2)
    for name in ("a", "b", "c"):
        store.put(completion(name), [], {})
    assert list(store.matching(None, {})) == ["b", "c"]


def test_the_oldest_give_way_by_size() -> None:
    store = CompletionStore(max_bytes=1000)
    store.put(completion("a", 400), [], {})
    store.put(completion("b", 400), [], {})
    store.put(completion("c", 400), [], {})
    assert list(store.matching(None, {})) == ["b", "c"]
    store.annotate("c", {"note": "x" * 200})
    store.annotate("c", {"note": "x" * 2000})
    assert list(store.matching(None, {})) == []
    store.put(completion("d", 2000), [], {})
    assert list(store.matching(None, {})) == []
    assert store.annotate("d", {}) is None
