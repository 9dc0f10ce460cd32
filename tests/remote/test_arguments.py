"""Settings and arguments that cannot work are refused before anything is sent."""

from __future__ import annotations

import copy
import json
import math

import pytest

from LLM import InvalidRequestError, LLMConfig, LLMConfigError, LLMError
from tests.remote import wire
from tests.remote.conftest import MESSAGES


@pytest.mark.parametrize(
    "key",
    [
        "sk-secret-1234\n", "\nsk-secret-1234", "sk-secret\r\nX-Evil: 1", " sk-secret-1234",
        "sk-secret-1234 ", "sk-sécret-1234", "sk-secret-\x00", "sk-secret-\x7f", "sk-secret-😀",
        "sk-secret-\ud83d", "\tsk-secret",
    ],
    ids=ascii,
)  # fmt: skip
def test_key_that_no_header_can_carry_is_refused_without_being_shown(key):
    with pytest.raises(LLMConfigError, match="api_key") as caught:
        LLMConfig(api_key=key)
    assert "cret" not in repr(caught.value) + str(caught.value.__cause__)


def test_empty_key_is_refused():
    with pytest.raises(LLMConfigError, match="is empty"):
        LLMConfig(api_key="")


@pytest.mark.parametrize(
    "key", [5, b"sk-secret", b"sk-secret\n", bytearray(b"sk-secret"), ["sk-secret"]], ids=repr
)
def test_key_that_is_no_text_is_refused(key):
    with pytest.raises(LLMConfigError, match="api_key") as caught:
        LLMConfig(api_key=key)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["x", "a b", "k" * 50_000, '"quoted\\key"'], ids=len)
def test_any_other_key_is_sent_as_it_is(serve, client, key):
    server = serve(wire.answer(wire.CHAT))
    client(server, api_key=key).chat_completion(MESSAGES)
    assert server.requests[0].headers["authorization"] == f"Bearer {key}"


@pytest.mark.parametrize(
    "url",
    [
        "", " ", "127.0.0.1:8000", "localhost", "//127.0.0.1:8000", "ftp://127.0.0.1", "http://",
        "http:///v1", "http:127.0.0.1", "file:///etc/passwd", "http://127.0.0.1:99999",
        "http://127.0.0.1:port", "http://127.0.0.1:-1", "http://127.0.0.1:0", "http://[::1",
        "http://user:secret-pw@127.0.0.1", "http://secret-pw@127.0.0.1", "http://:secret-pw@h",
        "http://127.0.0.1\r\nX: y", "http://127.0.0.1/ v1", " http://127.0.0.1",
        "http://127.0.0.1\n", "http://exämple.org", "http://127.0.0.1/\x00",
        "http://127.0.0.1/v1?key=secret-pw", "http://127.0.0.1/#top", "http://evil\\@127.0.0.1",
        None, 5, ["http://127.0.0.1"],
    ],
    ids=ascii,
)  # fmt: skip
def test_address_that_cannot_work_is_refused(url):
    with pytest.raises(LLMConfigError, match="base_url") as caught:
        LLMConfig(base_url=url)
    assert "secret-pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "path"),
    [
        ("", "/v1/chat/completions"),
        ("/", "/v1/chat/completions"),
        ("///", "/v1/chat/completions"),
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/api", "/api/v1/chat/completions"),
        ("/api/v1//", "/api/v1/chat/completions"),
        ("/a%20b/v1", "/a%20b/v1/chat/completions"),
    ],
)
def test_v1_is_added_once(serve, client, suffix, path):
    server = serve(wire.answer(wire.CHAT))
    client(server.url + suffix).chat_completion(MESSAGES)
    assert server.requests[0].path == path


@pytest.mark.parametrize("url", ["http://a..b", "http://" + "a" * 300, "http://x.invalid"])
def test_host_that_cannot_be_found_is_one_of_our_errors(client, url):
    with pytest.raises(LLMError):
        client(url, timeout=2).list_models()


TEXTS = {
    "nul": "a\0b",
    "control": "\x01\x1f\x7f\x85",
    "emoji": "😀é\u2028",
    "quotes": '"\\\n\r\t</script>',
    "bom": "\ufeffx",
    "noncharacter": "\uffff\ufffe",
    "empty": "",
    "5-mb": "x" * 5_000_000,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_any_text_arrives_as_it_was_given(serve, client, text):
    server = serve(wire.answer(wire.CHAT), wire.answer(wire.COMPLETION))
    llm = client(server)
    llm.chat_completion([{"role": "user", "content": text}])
    llm.completion(text)
    chat, completion = map(json.loads, server.bodies)
    assert chat["messages"][0]["content"] == text
    assert completion["prompt"] == text


SURROGATE = "secret prompt \ud83d"


@pytest.mark.parametrize(
    "call",
    [
        lambda llm: llm.chat_completion([{"role": "user", "content": SURROGATE}]),
        lambda llm: llm.chat_completion([{"role": "user", "content": SURROGATE}], stream=True),
        lambda llm: llm.chat_completion([{"role": "user", SURROGATE: "x"}]),
        lambda llm: llm.completion(SURROGATE),
        lambda llm: llm.completion([SURROGATE]),
        lambda llm: llm.chat_completion(MESSAGES, user=SURROGATE),
        lambda llm: llm.chat_completion(MESSAGES, model=SURROGATE),
    ],
    ids=["content", "stream", "name", "prompt", "prompts", "field", "model"],
)
def test_lone_surrogate_is_refused_without_showing_the_text(serve, client, call):
    server = serve(wire.answer(wire.CHAT))
    with pytest.raises(InvalidRequestError, match="surrogate") as caught:
        call(client(server))
    assert "secret prompt" not in repr(caught.value)
    assert server.connections == 0


def _loop() -> list:
    loop: list = []
    loop.append(loop)
    return loop


def _deep() -> list:
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    return deep


class _Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class _Failing:
    role = "user"

    @property
    def content(self) -> str:
        raise AttributeError("no content")


WRONG_CALLS = {
    "messages-text": {"messages": "Hello?"},
    "messages-bytes": {"messages": b"Hello?"},
    "messages-none": {"messages": None},
    "messages-number": {"messages": 5},
    "messages-empty": {"messages": []},
    "messages-dict": {"messages": MESSAGES[0]},
    "message-none": {"messages": [None]},
    "message-text": {"messages": ["Hello?"]},
    "message-number": {"messages": [5]},
    "message-empty": {"messages": [{}]},
    "message-without-role": {"messages": [{"content": "x"}]},
    "role-number": {"messages": [{"role": 5, "content": "x"}]},
    "message-failing": {"messages": [_Failing()]},
    "message-bytes": {"messages": [{"role": "user", "content": b"\xff"}]},
    "temperature-nan": {"temperature": math.nan},
    "temperature-inf": {"temperature": math.inf},
    "temperature-text": {"temperature": "hot"},
    "temperature-negative": {"temperature": -0.1},
    "temperature-3": {"temperature": 3},
    "temperature-true": {"temperature": True},
    "temperature-list": {"temperature": [0.5]},
    "max-tokens-text": {"max_tokens": "many"},
    "max-tokens-negative": {"max_tokens": -1},
    "max-tokens-nan": {"max_tokens": math.nan},
    "timeout-0": {"timeout": 0},
    "timeout-negative": {"timeout": -1},
    "timeout-nan": {"timeout": math.nan},
    "timeout-inf": {"timeout": math.inf},
    "timeout-1e300": {"timeout": 1e300},
    "timeout-text": {"timeout": "soon"},
    "timeout-true": {"timeout": True},
    "field-object": {"extra": object()},
    "field-rude": {"extra": _Rude()},
    "field-function": {"extra": print},
    "field-loop": {"extra": _loop()},
    "field-deep": {"extra": _deep()},
    "field-nan": {"extra": math.nan},
    "field-nan-in-list": {"extra": [1.0, {"x": (math.inf,)}]},
    "field-nan-in-set": {"extra": {math.nan}},
    "field-bytes": {"extra": b"\xff\xfe"},
}


@pytest.mark.parametrize("arguments", WRONG_CALLS.values(), ids=WRONG_CALLS)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_argument_that_cannot_work_is_refused_unsent(serve, client, arguments, stream):
    server = serve(wire.answer(wire.CHAT))
    arguments = {"messages": MESSAGES, **arguments}
    with pytest.raises(InvalidRequestError):
        client(server).chat_completion(**arguments, stream=stream)
    assert server.connections == 0


@pytest.mark.parametrize(
    "prompt", [None, 5, [], {}, b"Hello?", ("a",), math.nan], ids=lambda p: type(p).__name__
)
def test_prompt_that_cannot_work_is_refused_unsent(serve, client, prompt):
    server = serve(wire.answer(wire.COMPLETION))
    with pytest.raises(InvalidRequestError, match="prompt"):
        client(server).completion(prompt)
    assert server.connections == 0


def test_text_that_spells_nan_is_no_number(serve, client):
    server = serve(wire.answer(wire.CHAT))
    client(server).chat_completion([{"role": "user", "content": "NaN and Infinity"}])
    assert json.loads(server.bodies[0])["messages"][0]["content"] == "NaN and Infinity"


def test_arguments_are_not_changed(serve, client):
    messages = [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
    fields = {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}
    before = copy.deepcopy((messages, fields))
    client(serve(wire.answer(wire.CHAT))).chat_completion(messages, **fields)
    assert (messages, fields) == before


@pytest.mark.parametrize("limit", [-5, -(10**9)])
def test_negative_limit_does_not_lift_the_usage_limit(serve, client, limit):
    llm = client(serve(wire.answer(wire.CHAT)), max_total_tokens=1)
    with pytest.raises(LLMError):
        llm.chat_completion(MESSAGES, max_completion_tokens=limit)
