"""The Responses API over a model of an Ollama server: it thinks, sees, and calls in one piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local_llm_kit.loading import LoadOptions
from local_llm_kit.server import LocalServer
from tests.local.http import ask
from tests.local.ollama.fake import FakeOllama, done, ndjson, said
from tests.local.server.responses_support import PATH, comparable, create, stream
from tests.local.support import running_server

pytestmark = pytest.mark.slow

TOOL = {"type": "function", "name": "look", "parameters": {}, "strict": False}
CALLED = {"tool_calls": [{"function": {"name": "look", "arguments": {"at": "home"}}}]}
THINKING = ndjson(
    {"message": {"thinking": "Hm"}},
    {"message": {"thinking": "m."}},
    said("I look.")[0],
    {"message": CALLED},
    done(),
)


@pytest.fixture
def thinker(fake: FakeOllama) -> Iterator[LocalServer]:
    with running_server(LoadOptions(backend="ollama", host=fake.host)) as server:
        yield server


def test_thoughts_are_items_of_their_own_whole_and_streamed(
    fake: FakeOllama, thinker: LocalServer
) -> None:
    body = {"input": "Where are you?", "tools": [TOOL]}
    fake.script("/api/chat", *THINKING)
    whole = create(thinker, body)
    fake.script("/api/chat", *THINKING)
    events = stream(thinker, body)
    assert [item["type"] for item in whole["output"]] == ["reasoning", "message", "function_call"]
    assert whole["output"][0]["content"][0]["text"] == "Hmm."
    assert comparable(events[-1]["response"]) == comparable(whole)
    thoughts = [e["delta"] for e in events if e["type"] == "response.reasoning_text.delta"]
    assert thoughts == ["Hm", "m."]


def test_a_turn_with_thoughts_and_calls_is_gone_on_with(
    fake: FakeOllama, thinker: LocalServer
) -> None:
    fake.script("/api/chat", *THINKING)
    first = create(thinker, {"input": "Where are you?", "tools": [TOOL]})
    result = {"call_id": first["output"][2]["call_id"], "output": "a house"}
    items = [{"type": "function_call_output", **result}]
    create(thinker, {"input": items, "previous_response_id": first["id"]})
    _, said_before, told = fake.bodies("/api/chat")[1]["messages"]
    assert (said_before["role"], said_before["content"]) == ("assistant", "I look.")
    assert said_before["tool_calls"][0]["function"]["name"] == "look"
    assert (told["role"], told["content"]) == ("tool", "a house")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a.png", "file:///etc/passwd"])
def test_no_address_of_an_image_is_opened(fake: FakeOllama, thinker: LocalServer, url: str) -> None:
    image: dict[str, Any] = {"type": "input_image", "image_url": url}
    answer = ask(thinker.url, PATH, {"input": [{"role": "user", "content": [image]}]})
    assert (answer.status, answer.error["param"]) == (400, "input[0].content[0].image_url.url")
    assert fake.bodies("/api/chat") == []


def test_an_image_for_a_model_that_sees_none_is_refused(
    fake: FakeOllama, thinker: LocalServer
) -> None:
    url = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
    image = {"type": "input_image", "image_url": url}
    answer = ask(thinker.url, PATH, {"input": [{"role": "user", "content": [image]}]})
    assert (answer.status, answer.error["param"]) == (400, "input")
    assert answer.error["code"] == "unsupported_parameter"
