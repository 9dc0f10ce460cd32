"""The store of responses: what is kept, and what leaves."""

from __future__ import annotations

import json
from typing import Any

from local_llm_kit.server.responses.store import ResponseStore


def response(name: str, *output: str) -> dict[str, Any]:
    items = [{"id": item, "type": "message"} for item in output]
    return {"id": name, "status": "completed", "background": False, "output": items}


def conversation(*ids: str, text: str = "") -> list[dict[str, Any]]:
    return [{"id": one, "type": "message", "text": text} for one in ids]


def test_a_response_is_kept_with_its_conversation() -> None:
    store = ResponseStore()
    store.put(response("resp_1", "msg_b"), conversation("msg_a"))
    kept = store.get("resp_1")
    assert kept is not None
    assert json.loads(kept.response) == response("resp_1", "msg_b")
    assert kept.input_items() == conversation("msg_a")
    assert [item["id"] for item in kept.all_items()] == ["msg_a", "msg_b"]


def test_the_longest_unused_leaves_first() -> None:
    store = ResponseStore(max_responses=2)
    for name in ("resp_1", "resp_2"):
        store.put(response(name), conversation())
    store.get("resp_1")
    store.put(response("resp_3"), conversation())
    assert store.get("resp_2") is None
    assert store.get("resp_1") is not None


def test_the_bytes_of_all_are_bounded() -> None:
    store = ResponseStore(max_bytes=4000)
    for i in range(100):
        store.put(response(f"resp_{i}"), conversation(f"msg_{i}"))
    assert 0 < store.n_bytes <= 4000
    assert store.get("resp_0") is None
    assert store.get("resp_99") is not None


def test_items_that_responses_share_are_kept_once() -> None:
    store = ResponseStore()
    long = conversation("msg_a", text="x" * 10_000)
    store.put(response("resp_0", "msg_0"), long)
    for i in range(1, 10):
        store.put(response(f"resp_{i}", f"msg_{i}"), long)
    assert 10_000 < store.n_bytes < 20_000
    for i in range(10):
        store.delete(f"resp_{i}")
    assert store.n_bytes == 0


def test_one_that_is_larger_than_all_may_be_is_not_kept() -> None:
    store = ResponseStore(max_bytes=1000)
    store.put(response("resp_1"), conversation(*(f"msg_{i}" for i in range(100))))
    assert store.get("resp_1") is None
    assert store.n_bytes == 0


def test_a_new_state_takes_the_place_of_the_old() -> None:
    store = ResponseStore()
    store.put(response("resp_1") | {"status": "queued"}, conversation("msg_a"))
    store.put(response("resp_1", "msg_b"), conversation("msg_a"))
    kept = store.get("resp_1")
    assert kept is not None
    assert kept.status == "completed"
    assert store.delete("resp_1")
    assert store.item("msg_a") is None


def test_an_item_is_found_as_long_as_any_response_has_it() -> None:
    store = ResponseStore()
    store.put(response("resp_1", "msg_b"), conversation("msg_a"))
    store.put(response("resp_2", "msg_d"), conversation("msg_a", "msg_b", "msg_c"))
    store.delete("resp_2")
    assert store.item("msg_b") == b'{"id":"msg_b","type":"message"}'
    assert store.item("msg_d") is None
    store.delete("resp_1")
    assert store.item("msg_b") is None


def test_what_is_not_there_is_not_deleted() -> None:
    assert not ResponseStore().delete("resp_1")
