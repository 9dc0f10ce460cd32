"""Responses in the background: polled, cancelled, bounded, and gone with the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local_llm_kit.loading import LoadOptions
from local_llm_kit.server import LocalServer
from tests.local.http import ask, connect, request
from tests.local.server.models import until
from tests.local.server.responses_support import PATH, check_response, create
from tests.local.support import model_of, running_server

pytestmark = pytest.mark.slow

#: Goes on until the window is full.
ENDLESS = {"input": "Hi", "background": True, "logit_bias": {"0": -100, "1": -100, "2": -100}}


@pytest.fixture(scope="module")
def two_slots() -> Iterator[LocalServer]:
    with running_server(LoadOptions(n_slots=2)) as server:
        yield server


def get(server: LocalServer, response: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = ask(server.url, f"{PATH}/{response['id']}").json
    return found


def polled(server: LocalServer, response: dict[str, Any], *states: str) -> dict[str, Any]:
    until(lambda: get(server, response)["status"] in states)
    return get(server, response)


def until_idle(server: LocalServer) -> None:
    until(lambda: model_of(server).engine.stats.n_running == 0)


def cancel(server: LocalServer, response: dict[str, Any]) -> dict[str, Any]:
    answer = ask(server.url, f"{PATH}/{response['id']}/cancel", method="POST")
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    return found


def test_a_response_in_the_background_is_queued_and_polled(server: LocalServer) -> None:
    asked = {"input": "Hello!", "temperature": 0}
    queued = create(server, asked | {"background": True})
    assert (queued["status"], queued["output"]) == ("queued", [])
    check_response(queued)
    done = polled(server, queued, "completed")
    whole = create(server, asked)
    assert done["output"][0]["content"] == whole["output"][0]["content"]
    assert done["background"]
    assert done["usage"]["output_tokens"] == whole["usage"]["output_tokens"]


def test_a_response_in_the_background_is_cancelled(two_slots: LocalServer) -> None:
    running = create(two_slots, ENDLESS)
    polled(two_slots, running, "in_progress")
    cancelled = cancel(two_slots, running)
    assert cancelled["status"] == "cancelled"
    assert cancel(two_slots, running) == cancelled == get(two_slots, running)
    until_idle(two_slots)


def test_half_of_the_slots_are_left_to_who_waits(two_slots: LocalServer) -> None:
    first, second = create(two_slots, ENDLESS), create(two_slots, ENDLESS)
    polled(two_slots, first, "in_progress")
    assert get(two_slots, second)["status"] == "queued"
    assert create(two_slots, {"input": "Hi", "max_output_tokens": 2})["output"]
    assert cancel(two_slots, second)["status"] == "cancelled"
    assert cancel(two_slots, first)["status"] == "cancelled"


def test_a_response_under_way_cannot_be_gone_on_from(two_slots: LocalServer) -> None:
    running = create(two_slots, ENDLESS)
    body = {"input": "Hi", "previous_response_id": running["id"]}
    answer = ask(two_slots.url, PATH, body)
    assert (answer.status, answer.error["param"]) == (400, "previous_response_id")
    cancel(two_slots, running)


def test_a_response_that_is_deleted_under_way_stops(two_slots: LocalServer) -> None:
    running = create(two_slots, ENDLESS)
    polled(two_slots, running, "in_progress")
    assert ask(two_slots.url, f"{PATH}/{running['id']}", method="DELETE").status == 200
    assert ask(two_slots.url, f"{PATH}/{running['id']}").status == 404
    until_idle(two_slots)


def test_what_is_under_way_is_bounded(two_slots: LocalServer) -> None:
    started = [create(two_slots, ENDLESS) for _ in range(64)]
    refused = ask(two_slots.url, PATH, ENDLESS)
    assert (refused.status, refused.error["code"]) == (429, "queue_full")
    for response in started:
        assert cancel(two_slots, response)["status"] == "cancelled"


def test_a_long_conversation_is_not_queued(server: LocalServer) -> None:
    answer = ask(server.url, PATH, {"input": "long " * 250_000, "background": True})
    assert (answer.status, answer.error["param"]) == (400, "background")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"input": "long " * 10_000}, "window", id="too-long"),
        pytest.param({"input": "Hi", "adapter": "none"}, "adapter", id="no-adapter"),
    ],
)
def test_what_the_model_refuses_fails(
    server: LocalServer, body: dict[str, Any], message: str
) -> None:
    failed = polled(server, create(server, body | {"background": True}), "failed")
    check_response(failed)
    assert failed["error"]["code"] == "invalid_prompt"
    assert message in failed["error"]["message"]


def test_a_fault_of_ours_fails_and_is_logged(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(model_of(server).engine, "submit", fail)
    failed = polled(server, create(server, {"input": "Hi", "background": True}), "failed")
    assert failed["error"] == {
        "code": "server_error",
        "message": "the server failed; its log says why",
    }
    assert "a bug" in caplog.text


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_client_that_leaves_frees_its_slot(two_slots: LocalServer, streamed: bool) -> None:
    body = ENDLESS | {"background": False, "stream": streamed}
    with connect(two_slots.url) as sock:
        sock.sendall(request(two_slots.url, PATH, body))
        until(lambda: model_of(two_slots).engine.stats.n_running > 0)
    until_idle(two_slots)


def test_the_end_of_the_server_ends_what_is_in_the_background(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running_server(LoadOptions(n_slots=1)) as server:
        polled(server, create(server, ENDLESS), "in_progress")
    assert not caplog.records
