"""What the Messages API refuses, in Anthropic's shape, and what Anthropic's client makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

from local_llm_kit.loading import LoadOptions
from local_llm_kit.server import LocalServer
from tests.local.http import ask, connect, request
from tests.local.server.models import until
from tests.local.support import model_of, running_server

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]
PATH = "/v1/messages"
#: Asks for a text that fits no window.
ENDLESS: dict[str, Any] = {
    "max_tokens": 2000,
    "stream": True,
    "output_config": {
        "format": {"type": "json_schema", "schema": {"type": "string", "minLength": 8000}}
    },
}


def create(client: Anthropic, **arguments: Any) -> Any:
    return client.messages.create(
        **{"model": "tiny", "max_tokens": 8, "messages": HELLO} | arguments
    )


@pytest.fixture(scope="module")
def guarded() -> Iterator[LocalServer]:
    """A server with a key."""
    with running_server(LoadOptions(n_slots=1, max_queue=0), api_key="secret") as server:
        yield server


@pytest.mark.parametrize(
    ("path", "body", "options", "status", "kind"),
    [
        (PATH, {"messages": HELLO}, {}, 400, "invalid_request_error"),
        (PATH, b"{", {}, 400, "invalid_request_error"),
        (PATH, b"{}", {"headers": {"Content-Length": "99999999"}}, 413, "request_too_large"),
        (PATH, b"{}", {"headers": {"Content-Type": "text/plain"}}, 415, "invalid_request_error"),
        (PATH, None, {}, 405, "invalid_request_error"),
        (PATH, b"{}", {"headers": {"Host": "evil.example"}}, 403, "permission_error"),
        (f"{PATH}/batches", b"{}", {}, 404, "not_found_error"),
        (f"{PATH}/count_tokens", b"[]", {}, 400, "invalid_request_error"),
    ],
    ids=["field", "json", "size", "type", "method", "host", "path", "count"],
)  # fmt: skip
def test_a_refusal_has_anthropics_shape(
    server: LocalServer, path: str, body: Any, options: dict[str, Any], status: int, kind: str
) -> None:
    answer = ask(server.url, path, body, **options)
    assert answer.status == status
    error = answer.json
    assert set(error) == {"type", "error", "request_id"}
    assert (error["type"], error["error"]["type"]) == ("error", kind)
    assert error["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize("key", ["wrong", ""], ids=["wrong", "none"])
def test_a_wrong_key_is_an_authentication_error(guarded: LocalServer, key: str) -> None:
    headers = {"x-api-key": key} if key else {}
    answer = ask(guarded.url, PATH, {"max_tokens": 1, "messages": HELLO}, headers=headers)
    assert (answer.status, answer.json["error"]["type"]) == (401, "authentication_error")


def test_anthropics_client_raises_for_a_wrong_key(guarded: LocalServer) -> None:
    with Anthropic(base_url=guarded.url, api_key="wrong", max_retries=0) as client:
        with pytest.raises(anthropic.AuthenticationError) as caught:
            create(client)
        caught.value.response.close()


@pytest.mark.parametrize("credential", ["api_key", "auth_token"])
def test_a_key_is_taken_either_way(guarded: LocalServer, credential: str) -> None:
    given: dict[str, Any] = {"api_key": None, "auth_token": None} | {credential: "secret"}
    with Anthropic(base_url=guarded.url, **given) as client:
        assert create(client).type == "message"


def test_a_full_queue_is_a_rate_limit(guarded: LocalServer) -> None:
    with (
        Anthropic(base_url=guarded.url, api_key="secret", max_retries=0) as client,
        create(client, **ENDLESS) as stream,
    ):
        assert next(iter(stream)).type == "message_start"
        with pytest.raises(anthropic.RateLimitError) as caught:
            create(client)
    assert caught.value.response.headers["retry-after"] == "1"


def test_a_prompt_longer_than_the_window_is_a_bad_request(server: LocalServer) -> None:
    with Anthropic(base_url=server.url, api_key="x", max_retries=0) as client:
        with pytest.raises(anthropic.BadRequestError, match=r"prompt is too long: .*window"):
            create(client, messages=[{"role": "user", "content": "word " * 5000}])
        with pytest.raises(anthropic.NotFoundError, match="does not exist"):
            client.models.retrieve("nothing")


def test_an_error_after_the_start_ends_the_stream_as_an_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        running_server() as server,
        Anthropic(base_url=server.url, api_key="x", max_retries=0) as client,
        create(client, **ENDLESS) as stream,
    ):
        assert next(iter(stream)).type == "message_start"
        monkeypatch.setattr(model_of(server).engine._context, "decode", lambda n: 1 / 0)
        with pytest.raises(anthropic.APIStatusError, match="the engine failed") as caught:
            list(stream)
    assert caught.value.body["request_id"] == stream.response.headers["request-id"]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_client_that_leaves_frees_its_slot(
    caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    body = ENDLESS | {"messages": HELLO, "stream": stream}
    with running_server() as server:
        with connect(server.url) as sock:
            sock.sendall(request(server.url, PATH, body))
            until(lambda: model_of(server).stats.n_generated > 3)
        until(lambda: model_of(server).stats.n_running == 0)
        assert model_of(server).stats.n_generated < 1500
    assert not caplog.records


def test_an_errors_code_is_among_its_details(server: LocalServer) -> None:
    body = {"max_tokens": 1, "messages": HELLO, "thread": {"type": "create"}}
    error = ask(server.url, PATH, body).json["error"]
    assert error["details"] == {"error_code": "thread_unsupported_request"}


def turns(*content: Any, role: str = "user") -> dict[str, Any]:
    return {"messages": [*HELLO, {"role": role, "content": list(content)}]}


CALL = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
TOOL = {"name": "look", "input_schema": {"type": "object"}}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
FAR = {"type": "url", "url": "http://127.0.0.1:1/x"}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no messages": ({"messages": []}, "messages is empty"),
    "messages no list": ({"messages": "Hi"}, "messages is text and must be a list"),
    "a turn no object": ({"messages": ["Hi"]}, r"messages\[0\] is text and must be an object"),
    "role": ({"messages": [{"role": "tool", "content": "x"}]}, "the role of messages"),
    "field of a turn": ({"messages": [HELLO[0] | {"name": "x"}]}, "unknown field 'name'"),
    "empty content": (turns(), r"messages\[1\].content is empty"),
    "block no object": (turns("Hi"), r"content\[0\] is text and must be an object"),
    "unknown block": (turns({"type": "audio"}), "'audio', which is not read here"),
    "block without type": (turns({"text": "x"}), "of no known type"),
    "field of a block": (turns({"type": "text", "text": "x", "y": 1}), "unknown field 'y'"),
    "text no text": (turns({"type": "text", "text": 5}), r"\.text is int and must be a text"),
    "server tool": (turns(CALL | {"type": "server_tool_use"}, role="assistant"), "server_tool_use"),
    "call of the user's": (turns(CALL), "'tool_use', which is not read here"),
    "call at the end": (turns(CALL, role="assistant"), "give its tool_result"),
    "call without id": (turns(CALL | {"id": ""}, role="assistant"), r"\.id must have 1 to 128"),
    "input no object": (turns(CALL | {"input": "x"}, role="assistant"), r"input is text and must"),
    "result without id": (turns({"type": "tool_result"}), "tool_use_id is missing"),
    "nothing begun": (turns({"type": "text", "text": ""}, role="assistant"), "no text to go on"),
    "begun first": ({"messages": [{"role": "assistant", "content": "x"}]}, "no turn of the user's"),
    "begun and forced": (
        turns({"type": "text", "text": "x"}, role="assistant")
        | {"tools": [TOOL], "tool_choice": {"type": "any"}},
        "leave that turn out",
    ),
    "pdf": (turns({"type": "document", "source": PDF}), "PDF files are not read"),
    "document by address": (turns({"type": "document", "source": FAR}), "no address is opened"),
    "document of no type": (turns({"type": "document", "source": {}}), "it needs a type"),
    "image by address": (turns({"type": "image", "source": FAR}), "nothing is opened"),
    "image in a document": (
        turns({"type": "document", "source": {"type": "content", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}},
        ]}}),
        "where only text is read",
    ),
    "system": ({"system": 5}, "system is int and must be a text or a list of blocks"),
    "max_tokens": ({"max_tokens": -1}, "max_tokens is -1"),
    "no max_tokens": ({"max_tokens": None}, "max_tokens is missing"),
    "temperature": ({"temperature": 3}, "temperature is 3"),
    "top_k": ({"top_k": -1}, "top_k is -1"),
    "stops no list": ({"stop_sequences": "x"}, "stop_sequences is text and must be a list"),
    "too many stops": ({"stop_sequences": ["x"] * 5}, "has 5 entries; give at most 4"),
    "empty stop": ({"stop_sequences": [""]}, r"stop_sequences\[0\] must have 1 to"),
    "server's tool": ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "bash_20250124"),
    "tool type": ({"tools": [TOOL | {"type": 5}]}, "is no text"),
    "tool without schema": ({"tools": [{"name": "x"}]}, "input_schema is missing"),
    "schema of a text": ({"tools": [TOOL | {"input_schema": {"type": "string"}}]}, "'object'"),
    "strict and too much": (
        {"tools": [TOOL | {"strict": True, "input_schema": {"type": "object", "not": {}}}]},
        r"tools\[0\].input_schema cannot be used",
    ),
    "strict no flag": ({"tools": [TOOL | {"strict": "yes"}]}, "must be true or false"),
    "callers": ({"tools": [TOOL | {"allowed_callers": ["x"]}]}, "allow 'direct'"),
    "too many tools": ({"tools": [TOOL] * 129}, "tools has 129 entries"),
    "one name twice": ({"tools": [TOOL, TOOL]}, "'look' twice"),
    "choice without tools": ({"tool_choice": {"type": "auto"}}, "tool_choice needs tools"),
    "choice": ({"tools": [TOOL], "tool_choice": {"type": "x"}}, "tool_choice.type must be"),
    "choice of another": (
        {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "x"}}, "names 'x'",
    ),
    "thinking": ({"thinking": {"type": "x"}}, "thinking.type must be one of"),
    "budget": ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "budget_tokens must be"),
    "display": ({"thinking": {"type": "adaptive", "display": "x"}}, "thinking.display must be"),
    "format": ({"output_config": {"format": {"type": "x"}}}, "format.type must be 'json_schema'"),
    "schema": (
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "x"}}}},
        "output_config.format.schema cannot be used",
    ),
    "two formats": (
        {"output_config": {"format": {"type": "json_schema", "schema": {}}},
         "output_format": {"type": "json_schema", "schema": {}}},
        "give one of both",
    ),
    "hint": ({"metadata": "x"}, "metadata must be an object"),
    "container": ({"container": 5}, "container must be a text or an object"),
    "mcp": ({"mcp_servers": [{"type": "url", "url": "http://127.0.0.1:1"}]}, "no address is op"),
    "thread": ({"thread": {"type": "create"}}, "send all of it, without thread"),
    "unknown": ({"max_token": 5}, "did you mean 'max_tokens'"),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_request_is_refused_by_name(
    server: LocalServer, fields: dict[str, Any], message: str
) -> None:
    body = {"model": "tiny", "max_tokens": 1, "messages": HELLO} | fields
    with (
        Anthropic(base_url=server.url, api_key="x", max_retries=0) as client,
        pytest.raises(anthropic.BadRequestError, match=message),
    ):
        client.post(PATH, body=body, cast_to=object)
