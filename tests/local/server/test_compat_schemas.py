"""Every answer has the shape that OpenAI publishes."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from local_llm_kit.server import LocalServer
from tests.local.http import ask
from tests.local.server import published

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
HELLO = [{"role": "user", "content": "Hello!"}]
WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]
FUNCTION = {
    "name": "get_weather",
    "description": "Tells the weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
TOOLS = [{"type": "function", "function": FUNCTION}]
LONG = [{"role": "user", "content": "boat " * 500}, {"role": "assistant", "content": "Yes."}] * 4

CHATS: dict[str, dict[str, Any]] = {
    "plain": {},
    "several": {"n": 3},
    "scored": {"logprobs": True, "top_logprobs": 2},
    "cut": {"max_tokens": 2},
    "empty": {"max_tokens": 0},
    "stopped": {"stop": [" "]},
    "tools": {"messages": WEATHER, "tools": TOOLS},
    "forced tool": {"messages": WEATHER, "tools": TOOLS, "tool_choice": "required", "n": 2},
    "scored tool": {"messages": WEATHER, "tools": TOOLS, "logprobs": True},
    "function": {"messages": WEATHER, "functions": [FUNCTION]},
    "json": {"response_format": {"type": "json_object"}, "max_tokens": 60},
    "counted": {"stream_options": {"include_usage": True}},
    "shortened": {"messages": [*LONG, *HELLO], "overflow": "drop_oldest", "max_tokens": 9},
}
TEXTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "several": {"n": 2, "prompt": ["a", "b"]},
    "scored": {"logprobs": 2},
    "echoed": {"echo": True},
    "empty": {"max_tokens": 0},
    "stopped": {"stop": "e"},
}
#: Keys that must be there, null or not.
REQUIRED = {
    "chat.completion": {"id", "object", "created", "model", "choices"},
    "chat.completion.chunk": {"id", "object", "created", "model", "choices"},
    "text_completion": {"id", "object", "created", "model", "choices"},
}
REQUIRED_IN_CHOICE = {
    "chat.completion": {"index", "message", "logprobs", "finish_reason"},
    "chat.completion.chunk": {"index", "delta", "finish_reason"},
    "text_completion": {"index", "text", "logprobs", "finish_reason"},
}
REQUIRED_IN_PART = {
    "message": {"role", "content", "refusal"},
    "logprobs": {"content", "refusal"},
    "usage": {"prompt_tokens", "completion_tokens", "total_tokens"},
}


def chunks(url: str, path: str, body: dict[str, Any]) -> list[Any]:
    answer = ask(url, path, body | {"stream": True})
    text = b"".join(answer.body.split(b"\r\n")[1::2]).decode()
    events = [event.removeprefix("data: ") for event in text.split("\n\n") if event]
    assert events.pop() == "[DONE]"
    return [json.loads(event) for event in events]


def require_keys(answer: dict[str, Any]) -> None:
    kind = answer["object"]
    assert answer.keys() >= REQUIRED[kind]
    if answer.get("usage"):
        assert answer["usage"].keys() >= REQUIRED_IN_PART["usage"]
    for choice in answer["choices"]:
        assert choice.keys() >= REQUIRED_IN_CHOICE[kind]
        if "message" in choice:
            assert choice["message"].keys() >= REQUIRED_IN_PART["message"]
        if kind != "text_completion" and choice["logprobs"]:
            assert choice["logprobs"].keys() >= REQUIRED_IN_PART["logprobs"]


@pytest.mark.parametrize("body", CHATS.values(), ids=CHATS)
def test_chat_answers_have_the_required_keys(server: LocalServer, body: dict[str, Any]) -> None:
    body = {"model": "tiny", "messages": HELLO, **body}
    answer = ask(server.url, CHAT, body).json
    assert "usage" in answer
    for one in (answer, *chunks(server.url, CHAT, body)):
        require_keys(one)


@pytest.mark.parametrize("body", TEXTS.values(), ids=TEXTS)
def test_text_answers_have_the_required_keys(server: LocalServer, body: dict[str, Any]) -> None:
    body = {"model": "tiny", "prompt": "One, two,", **body}
    for one in (ask(server.url, TEXT, body).json, *chunks(server.url, TEXT, body)):
        require_keys(one)


@pytest.mark.parametrize("body", CHATS.values(), ids=CHATS)
def test_the_sdk_takes_chat_answers_strictly(server: LocalServer, body: dict[str, Any]) -> None:
    body = {"messages": HELLO, **body}
    overflow = {"extra_body": {"overflow": body.pop("overflow")}} if "overflow" in body else {}
    with openai.OpenAI(
        base_url=f"{server.url}/v1", api_key="x", _strict_response_validation=True
    ) as sdk:
        whole = sdk.chat.completions.create(model="tiny", **body, **overflow)
        streamed = list(sdk.chat.completions.create(model="tiny", stream=True, **body, **overflow))
    assert whole.choices[0].finish_reason
    assert streamed[0].choices[0].delta.role == "assistant"


@pytest.mark.parametrize("body", CHATS.values(), ids=CHATS)
def test_chat_answers_are_as_published(server: LocalServer, body: dict[str, Any]) -> None:
    published.require_document()
    body = {"model": "tiny", "messages": HELLO, **body}
    published.check("CreateChatCompletionResponse", ask(server.url, CHAT, body).json)
    for chunk in chunks(server.url, CHAT, body):
        published.check("CreateChatCompletionStreamResponse", chunk)


@pytest.mark.parametrize("body", TEXTS.values(), ids=TEXTS)
def test_text_answers_are_as_published(server: LocalServer, body: dict[str, Any]) -> None:
    published.require_document()
    body = {"model": "tiny", "prompt": "One, two,", **body}
    published.check("CreateCompletionResponse", ask(server.url, TEXT, body).json)
    # The schema has no null there, although OpenAI's own chunks have it until the last.
    for chunk in chunks(server.url, TEXT, body):
        for choice in chunk["choices"]:
            choice["finish_reason"] = choice["finish_reason"] or "stop"
        published.check("CreateCompletionResponse", chunk)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"text": {"format": {"type": "json_object"}}, "max_output_tokens": 40},
        {"input": WEATHER[0]["content"], "tools": [{"type": "function", **FUNCTION}]},
        {"include": ["message.output_text.logprobs"], "top_logprobs": 2}, {"max_output_tokens": 2},
        {"truncation": "auto", "metadata": {"a": "b"}, "store": False, "instructions": "Be kind."},
    ],
    ids=lambda body: next(iter(body), "plain"),
)  # fmt: skip
def test_responses_and_their_events_are_as_published(
    server: LocalServer, body: dict[str, Any]
) -> None:
    published.require_document()
    body = {"model": "tiny", "input": "Hello!", **body}
    published.check("Response", ask(server.url, "/v1/responses", body).json)
    answer = ask(server.url, "/v1/responses", body | {"stream": True})
    text = b"".join(answer.body.split(b"\r\n")[1::2]).decode()
    events = [line[6:] for line in text.split("\n") if line.startswith("data: ")]
    assert len(events) > 5
    for event in events:
        published.check("ResponseStreamEvent", json.loads(event))


@pytest.mark.parametrize(
    ("path", "body", "schema"),
    [
        ("/v1/models", None, "ListModelsResponse"),
        ("/v1/models/tiny", None, "Model"),
        ("/v1/embeddings", {"model": "tiny", "input": ["a", "b"]}, "CreateEmbeddingResponse"),
        ("/v1/models/none", None, "ErrorResponse"),
        ("/v1/nothing", None, "ErrorResponse"),
        (CHAT, {"messages": HELLO, "n": 0}, "ErrorResponse"),
        (CHAT, {"messages": HELLO, "overflow": 7}, "ErrorResponse"),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_other_answers_are_as_published(
    server: LocalServer, path: str, body: Any, schema: str
) -> None:
    published.require_document()
    published.check(schema, ask(server.url, path, body).json)
