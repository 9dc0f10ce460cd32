"""A store at a scripted server: what is sent, sent again, and what errors become of answers."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from llmring.conversations import ConversationFields, NewMessage, UsageFilter, UsageRecord
from llmring.conversations.remote import connection
from llmring.conversations.remote.address import RemoteAddress
from llmring.conversations.remote.connection import ServerConnection
from llmring.conversations.remote.store import RemoteStore
from llmring.exceptions import (
    ConfigurationError,
    ConversationNotFoundError,
    LLMRingError,
    ServerConnectionError,
    ServerError,
    ValidationError,
)
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer, close

KEY = "llmr_pk_0123456789abcdef0123456789abcdef"
ID = uuid4()
NOW = datetime.now(UTC)
CONVERSATION = {
    "id": str(ID), "title": "Boats", "created_at": NOW.isoformat(), "updated_at": NOW.isoformat(),
    "message_count": 0, "input_tokens": 0, "output_tokens": 0, "cost": 0.0,
}  # fmt: skip
QUESTION = NewMessage(role="user", content="Is it \ud800 red?\0")
KEPT = {
    "role": "user", "content": "Is it red?", "position": 1,
    "timestamp": QUESTION.timestamp.isoformat(),
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = connection.RetryPolicy(max_retries=2, base_delay=0.0, max_retry_after=5.0)
    monkeypatch.setattr(connection, "_POLICY", policy)


def asked(
    work: Callable[[RemoteStore], Awaitable[Any]], *scripts: Any, timeout_s: float = 5.0
) -> tuple[Any, list[Any]]:
    """What `work` gives or raises, and the requests that it makes."""

    async def main(url: str) -> Any:
        address = RemoteAddress.read({}, url, KEY)
        assert address is not None
        store = RemoteStore(ServerConnection(address, timeout_s))
        try:
            return await work(store)
        except LLMRingError as err:
            return err
        finally:
            await store.close()

    with ScriptedServer(scripts) as server:
        return asyncio.run(main(server.url)), list(server.requests)


def refusal(status: int, *headers: str) -> bytes:
    body = {"error": {"message": f"no: {KEY}", "type": "x", "param": None, "code": "y"}}
    return wire.answer(body, status, [tuple(one.split(": ")) for one in headers])


def get(store: RemoteStore) -> Awaitable[Any]:
    return store.get_conversation(ID)


def append(store: RemoteStore) -> Awaitable[Any]:
    return store.append(ID, [QUESTION])


def create(store: RemoteStore) -> Awaitable[Any]:
    return store.create_conversation(ConversationFields(title="Boats"))


def test_the_key_goes_along_and_any_text_arrives() -> None:
    found, (request,) = asked(append, wire.answer([KEPT]))
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert (request.method, request.path) == (
        "POST", f"/api/v1/conversations/{ID}/messages/batch",
    )  # fmt: skip
    (sent,) = json.loads(request.body)["messages"]
    assert NewMessage.model_validate(sent) == QUESTION
    assert [message.position for message in found] == [1]


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [(401, ServerError, "LLMRING_API_KEY"), (403, ServerError, "LLMRING_API_KEY"),
     (404, ConversationNotFoundError, "404"), (400, ValidationError, "400"),
     (413, ValidationError, "413"), (302, ServerError, "set server_url"),
     (500, ServerError, "500"), (409, ServerError, "409")],
)  # fmt: skip
def test_a_refusal_is_a_typed_error(status: int, error: type[Exception], said: str) -> None:
    failure, _ = asked(get, refusal(status))
    assert type(failure) is error
    assert said in str(failure)
    assert failure.status_code == status
    assert KEY not in repr(vars(failure)) + str(pickle.loads(pickle.dumps(failure)))


def test_no_other_path_than_a_conversations_lacks_one() -> None:
    failure, _ = asked(lambda store: store.usage_by("day"), refusal(404))
    assert type(failure) is ServerError


@pytest.mark.parametrize(
    "script",
    [b"no http\r\n\r\n", wire.answer("x").replace(b'"x"', b"<a>"), wire.answer([1, 2]),
     wire.answer({**CONVERSATION, "id": 7}), wire.head().replace(b"200", b"204") + b"\r\n\r\n",
     wire.answer({}).replace(b"{}", b"[" * 2)],
    ids=["no http", "html", "list", "wrong field", "no body", "cut json"],
)  # fmt: skip
def test_what_cannot_be_read_is_a_server_error(script: bytes) -> None:
    failure, _ = asked(get, [script, close])
    assert type(failure) is ServerError
    assert failure.__context__ is None


def test_deep_json_is_a_server_error() -> None:
    body = b"[" * 100_000
    head = wire.head(f"Content-Length: {len(body)}")
    failure, _ = asked(get, head + b"\r\n\r\n" + body if b"\r\n\r\n" not in head else head + body)
    assert type(failure) is ServerError


def test_what_can_be_repeated_is_tried_again() -> None:
    found, requests = asked(get, refusal(503), [close], wire.answer(CONVERSATION))
    assert (found.title, len(requests)) == ("Boats", 3)
    failure, requests = asked(get, refusal(500))
    assert (type(failure), len(requests)) == (ServerError, 3)


def test_a_long_retry_after_is_told_and_not_waited_for() -> None:
    failure, requests = asked(get, refusal(429, "Retry-After: 600"))
    assert (type(failure), failure.retry_after, len(requests)) == (ServerError, 600, 1)


@pytest.mark.parametrize(
    ("script", "n_requests"), [([close], 1), (refusal(500), 1), (refusal(503), 3)],
    ids=["lost", "failed", "turned away"],
)  # fmt: skip
def test_what_may_have_been_done_is_not_sent_again(script: Any, n_requests: int) -> None:
    failure, requests = asked(create, script)
    assert isinstance(failure, ServerError)
    assert len(requests) == n_requests


def test_a_turn_whose_answer_was_lost_is_found() -> None:
    found, requests = asked(append, [close], wire.answer([KEPT]))
    assert [request.method for request in requests] == ["POST", "GET"]
    assert [message.content for message in found] == ["Is it red?"]


def test_a_turn_that_did_not_arrive_is_sent_again() -> None:
    another = {**KEPT, "timestamp": NOW.replace(year=2020).isoformat()}
    found, requests = asked(append, [close], wire.answer([another]), wire.answer([KEPT]))
    assert [request.method for request in requests] == ["POST", "GET", "POST"]
    assert requests[0].body == requests[2].body
    assert [message.position for message in found] == [1]


def test_a_turn_that_is_lost_twice_is_an_error() -> None:
    failure, requests = asked(append, [close], wire.answer([]), [close])
    assert type(failure) is ServerConnectionError
    assert len(requests) == 3


def test_a_server_that_is_away_or_silent_is_told() -> None:
    async def nobody(store: RemoteStore) -> Any:
        store.connection = ServerConnection(RemoteAddress("http://127.0.0.1:1", None))
        return await store.list_conversations()

    failure, _ = asked(nobody, b"")
    assert type(failure) is ServerConnectionError
    assert "server_url" in str(failure)
    failure, requests = asked(get, lambda _: [lambda connection: connection.hang()], timeout_s=0.6)
    assert (type(failure), len(requests)) == (ServerConnectionError, 1)


def test_messages_are_asked_for_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmring.conversations.remote.store.MAX_MESSAGES", 2)
    pages = [[{**KEPT, "position": n} for n in page] for page in ((3, 4), (1, 2))]
    found, requests = asked(lambda store: store.messages(ID), *map(wire.answer, pages))
    assert [message.position for message in found] == [1, 2, 3, 4]
    assert [request.path.partition("?")[2] for request in requests] == [
        "limit=2", "limit=2&before=3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "pages",
    [[(3, 4), (3, 4)], [(3, 4), (4, 5)], [(4, 3)], [(3, 3)], [(0, 1)], [(1, 2, 3)]],
    ids=["the same again", "later ones", "out of order", "twice", "none is 0", "too many"],
)
def test_pages_that_do_not_lead_to_the_beginning_are_an_error(
    monkeypatch: pytest.MonkeyPatch, pages: list[tuple[int, ...]]
) -> None:
    monkeypatch.setattr("llmring.conversations.remote.store.MAX_MESSAGES", 2)
    told = [wire.answer([{**KEPT, "position": n} for n in page]) for page in pages]
    failure, requests = asked(lambda store: store.messages(ID), *told)
    assert (type(failure), len(requests)) == (ServerError, len(pages))
    assert "its messages are not" in failure.message


@pytest.mark.parametrize("work", [get, lambda store: store.change_conversation(ID, {})])
def test_another_conversation_than_was_asked_for_is_an_error(work: Any) -> None:
    failure, _ = asked(work, wire.answer({**CONVERSATION, "id": str(uuid4())}))
    assert type(failure) is ServerError
    assert "it is of another conversation" in failure.message


@pytest.mark.parametrize(("held", "n_sent"), [(1, 2), (0, None)])
def test_a_long_request_is_cut_where_its_beginning_is_kept(
    held: int, n_sent: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmring.conversations.remote.store.MAX_MESSAGES", 2)
    found, requests = asked(
        lambda store: store.append(ID, [QUESTION], context=[QUESTION] * 3),
        wire.answer({**CONVERSATION, "message_count": held}), wire.answer([KEPT]),
    )  # fmt: skip
    if n_sent is None:
        assert isinstance(found, ValidationError)
    else:
        assert len(json.loads(requests[1].body)["context"]) == n_sent


def test_many_records_go_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmring.conversations.remote.store.MAX_LOGS", 2)
    records = [UsageRecord(model="m", provider="p") for _ in range(3)]
    _, requests = asked(lambda store: store.add_usage(records), wire.answer({"logs": []}))
    sent = [json.loads(request.body)["records"] for request in requests]
    assert [UsageRecord.model_validate(one) for batch in sent for one in batch] == records
    assert [len(batch) for batch in sent] == [2, 1]


def test_filters_stand_in_the_query() -> None:
    which = UsageFilter(since=NOW, model="a&b c")
    _, (request,) = asked(lambda store: store.usage(which, 5), wire.answer([]))
    since = NOW.isoformat().replace("+", "%2B").replace(":", "%3A")
    assert request.path == f"/api/v1/usage?since={since}&model=a%26b+c&limit=5&offset=0"


@pytest.mark.parametrize(
    ("work", "error"),
    [(lambda store: store.get_conversation("../keys"), ConversationNotFoundError),
     (lambda store: store.list_conversations(0), ValidationError),
     (lambda store: store.messages(ID, 0), ValidationError),
     (lambda store: store.search(""), ValidationError),
     (lambda store: store.search("\ud800"), ValidationError),
     (lambda store: store.usage_by("id"), ValidationError),
     (lambda store: store.change_conversation(ID, {"metadata": {1: object()}}), ValidationError),
     (lambda store: store.append(ID, [NewMessage(role="user", metadata={"a": {1}})]),
      ValidationError)],
    ids=["id", "page", "messages", "search", "surrogate", "group", "change", "message"],
)  # fmt: skip
def test_what_cannot_be_asked_is_not_sent(work: Any, error: type[Exception]) -> None:
    failure, requests = asked(work, wire.answer({}))
    assert (type(failure), requests) == (error, [])


def test_a_closed_store_says_so() -> None:
    async def work(store: RemoteStore) -> Any:
        await store.close()
        return await store.list_conversations()

    failure, requests = asked(work, wire.answer([]))
    assert (type(failure), requests) == (ServerError, [])


def test_the_key_stands_in_no_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        failure, _ = asked(get, refusal(401))
    store = RemoteStore(ServerConnection(RemoteAddress.read({}, "https://x.y", KEY)))  # type: ignore[arg-type]
    texts = [repr(store), repr(store.connection), repr(store.connection.address), repr(failure)]
    assert KEY not in "".join(texts) + caplog.text


@pytest.mark.parametrize(
    ("environ", "given", "expected"),
    [({}, None, None),
     ({"LLMRING_SERVER_URL": "https://a.b/"}, None, ("https://a.b", None)),
     ({"LLMRING_SERVER_URL": "https://a.b", "LLMRING_API_KEY": "k1"}, None, ("https://a.b", "k1")),
     ({"LLMRING_SERVER_URL": "https://a.b", "LLMRING_API_KEY": "k1"}, "https://c.d",
      ("https://c.d", None)),
     ({"LLMRING_SERVER_URL": "https://a.b", "LLMRING_API_KEY": "k1"}, "https://a.b:443/api/v1/",
      ("https://a.b:443", "k1")),
     ({"LLMRING_API_KEY": "k1"}, "http://localhost:9100", ("http://localhost:9100", "k1"))],
)  # fmt: skip
def test_the_environments_key_goes_to_its_server(
    environ: dict[str, str], given: str | None, expected: Any
) -> None:
    found = RemoteAddress.read(environ, given, None)
    key = found and found.api_key and found.api_key.get_secret_value()
    assert (found and (found.url, key)) == expected


@pytest.mark.parametrize(
    ("url", "key"),
    [("ftp://a", None), ("a.b", None), ("http://a.b", None), ("http://192.168.0.1:9100", None),
     ("https://u:pass1@a.b", None), ("https://a.b?key=pass1", None), ("https://a:0", None),
     ("https://a:x", None), ("", None), (7, None), ("https://a.b/ü", None),
     ("https://a.b", "pass1\n"), ("https://a.b", ""), ("https://a.b", "päss1"),
     ("https://a.b", 7), ("https://a.b", "**********")],
)  # fmt: skip
def test_an_impossible_address_is_refused(url: Any, key: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RemoteAddress.read({}, url, key)
    assert "pass1" not in str(caught.value)
