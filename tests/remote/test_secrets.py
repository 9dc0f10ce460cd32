"""The key is nowhere but in the Authorization header, whatever goes wrong and whoever echoes it."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import cloud
from LLM import LLMConfig, LLMError, exceptions
from tests import worlds
from tests.remote import wire
from tests.remote.conftest import CALLS, MESSAGES
from tests.remote.scripted_server import close, hang, reset

pytestmark = pytest.mark.slow

PLAIN_KEY = "sk-SECRET0123456789abcdefghijklmnopqrstuvwxyz"
#: A key that JSON writes otherwise than it is.
QUOTED_KEY = 'sk-"SECRET"\\0123456789/abc'
PACKAGE_DIRS = tuple(str(Path(module.__file__).parent) for module in (exceptions, cloud))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue:
        item = queue.pop()
        if item is not None and item not in seen:
            seen.append(item)
            queue += [item.__cause__, item.__context__]
            queue += [arg for arg in item.args if isinstance(arg, BaseException)]
            yield item


def _frames(error: BaseException) -> Iterator[str]:
    """The values in the frames of our packages that a crash reporter would show."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename.startswith(PACKAGE_DIRS):
            for value in frame.f_locals.values():
                yield repr(value)
                yield repr(getattr(value, "__dict__", None))


def traces(error: BaseException, *, with_frames: bool) -> str:
    """Everything that a program could print, store or send of an error."""
    texts = []
    for item in _chain(error):
        texts += [str(item), repr(item), repr(item.args), repr(vars(item))]
        texts += traceback.format_exception(item)
        if isinstance(item, LLMError):
            texts += [pickle.dumps(item).decode("latin-1"), json.dumps(vars(item), default=str)]
        if with_frames:
            texts += _frames(item)
    return "\n".join(texts)


def assert_no_key(text: str, key: str) -> None:
    assert text, "nothing was searched"
    for form in {key, json.dumps(key)[1:-1], repr(key)[1:-1], key.replace("/", "\\/")}:
        place = text.find(form)
        assert place < 0, f"the key is in {text[max(0, place - 200) : place + 100]!r}"


@pytest.fixture
def search(caplog, capfd, client, serve) -> Callable[..., LLMError]:
    """Make a call fail, and search for the key in all that is left of it."""

    def run(call: Any, script: Any, key: str, *, with_frames: bool = False, **settings) -> LLMError:
        caplog.set_level(logging.DEBUG)
        server = script if isinstance(script, str) else serve(script)
        llm = client(server, api_key=key, max_retries=1, **settings)
        with pytest.raises(LLMError) as caught:
            call.run(llm)
        assert_no_key(traces(caught.value, with_frames=with_frames), key)
        assert_no_key(repr(llm) + repr(vars(worlds.inner(llm))) + repr(llm.config), key)
        written = capfd.readouterr()
        assert_no_key(caplog.text + written.out + written.err, key)
        return caught.value

    return run


FAILURES = {
    "refused": "http://127.0.0.1:1",
    "reset": [reset],
    "closed": [close],
    "timeout": [hang],
    "timeout-in-body": [wire.answer(b"{", content_length="99"), hang],
    "cut-body": [wire.answer(b"{", content_length="99"), close],
    "no-http": [b"SSH-2.0\r\n", close],
    "bad-chunks": [wire.CHUNKED + b"xyz\r\n", close],
    "bad-length": [wire.head("Content-Length: 1, 2"), close],
    "bad-gzip": [wire.head("Content-Encoding: gzip") + b"xxxxxxxxxxxxxx", close],
    "header-flood": [wire.answer(b"{}", headers=[(f"X-{n}", "v") for n in range(200)])],
    "empty": wire.answer(b""),
    "no-choices": wire.answer(b"{}"),
    "html": wire.answer(b"<html>"),
    "401": wire.answer({"error": {"message": "no"}}, 401),
    "429": wire.answer({"error": {"message": "no"}}, 429),
    "500": wire.answer(b"", 500),
    "redirect": wire.answer(b"", 307, [("Location", "http://127.0.0.1:1/")]),
    "cut-stream": [wire.UNTIL_CLOSE + wire.event(wire.chunk("x")), close],
}


@pytest.mark.parametrize("script", FAILURES.values(), ids=FAILURES)
def test_no_failure_shows_the_key_even_in_its_frames(call, search, script):
    search(call, script, PLAIN_KEY, with_frames=True, timeout=0.2)


def _escaped(key: str) -> bytes:
    return "".join(f"\\u{ord(letter):04x}" for letter in key).encode()


def _echoes(key: str) -> dict[str, Any]:
    """Answers that give the key back."""
    raw, said = key.encode(), f"Incorrect API key provided: {key}."
    quoted = json.dumps(key).encode()
    error = {"error": {"message": said, "type": said, "code": said, key: key, "param": [key]}}
    padding = b"x" * 290
    return {
        "401": wire.answer(error, 401),
        "401-text": wire.answer(said.encode(), 401),
        "401-fastapi": wire.answer({"detail": [{"msg": said, "input": {"key": key}}]}, 401),
        "401-escaped": wire.answer(b'{"error": {"message": "' + _escaped(key) + b'"}}', 401),
        "401-slashes": wire.answer(json.dumps(error).replace("/", "\\/").encode(), 401),
        "401-broken-json": wire.answer(b'{"error": {"message": ' + quoted, 401),
        "401-list": wire.answer([error], 401),
        "401-at-the-cut": wire.answer(padding + raw, 401),
        "401-split-lines": wire.answer(b"<pre>\n" + raw + b"\n</pre>", 401),
        "500": wire.answer(error, 500),
        "429-request-id": wire.answer(error, 429, [("x-request-id", key)]),
        "retry-after": wire.answer(error, 429, [("retry-after", key)]),
        "redirect": wire.answer(raw, 302, [("Location", f"/{key}")]),
        "inside-200": wire.answer(error),
        "inside-200-text": wire.answer({"error": said}),
        "vllm": wire.answer({"object": "error", "message": said, "type": key, "code": 400}),
        "200-text": wire.answer(said.encode()),
        "200-at-the-cut": wire.answer(padding + raw),
        "200-broken-json": wire.answer(b'{"message": ' + quoted),
        "200-wrong-shape": wire.answer({"choices": [{"message": {"content": {key: key}}}]}),
        "200-wrong-place": wire.answer(
            {**wire.CHAT, "choices": [{"logprobs": {key: key}, "message": key, key: key}]}
        ),
        "event": wire.stream_answer(wire.event(error)),
        "event-named": wire.stream_answer(wire.event(said.encode(), "error")),
        "event-text": wire.stream_answer(wire.event(said.encode())),
        "event-at-the-cut": wire.stream_answer(wire.event(padding + raw)),
        "event-wrong-shape": wire.stream_answer(wire.event({"choices": [{"delta": key}]})),
        "stray": wire.stream_answer(raw + b"\n"),
        "stray-at-the-cut": wire.stream_answer(padding + raw + b"\n"),
        "stray-error": wire.stream_answer(b"error: " + json.dumps(error).encode() + b"\n\n"),
        "status-line": [raw + b"\r\n\r\n", close],
        "status-word": [b"HTTP/1.1 " + raw + b"\r\n\r\n", close],
        "reason-phrase": [b"HTTP/1.1 401 " + raw + b"\r\nContent-Length: 0\r\n\r\n"],
        "header-line": [b"HTTP/1.1 401 X\r\n" + raw + b"\r\nX-A: b\r\n\r\n", close],
        "length": [wire.head(f"Content-Length: {key}", f"Content-Length: {key}, 5"), close],
        "encoding": [wire.head(f"Content-Encoding: {key}, gzip") + b"x" * 30, close],
        "chunk-size": [wire.CHUNKED + raw + b"\r\n", close],
        "chunk-end": [wire.CHUNKED + b"1\r\nx" + raw + b"\r\n", close],
        "cut-body": [wire.answer(raw, content_length="999"), close],
    }


@pytest.mark.parametrize("name", _echoes(PLAIN_KEY))
@pytest.mark.parametrize("key", [PLAIN_KEY, QUOTED_KEY], ids=["plain", "quoted"])
@pytest.mark.parametrize("kind", ["chat", "chat-stream"])
def test_key_that_a_server_echoes_is_masked(kind, search, name, key):
    search(CALLS[kind], _echoes(key)[name], key, timeout=2.0)


def test_mask_stands_where_the_key_was(search):
    error = search(CALLS["chat"], _echoes(PLAIN_KEY)["401"], PLAIN_KEY)
    assert "Incorrect API key provided: **********." in str(error)
    assert error.body["error"]["param"] == ["**********"]


def test_rest_of_a_key_that_the_excerpt_cuts_is_not_shown(search):
    for name in ("401-at-the-cut", "200-at-the-cut"):
        assert "sk-SECR" not in str(search(CALLS["chat"], _echoes(PLAIN_KEY)[name], PLAIN_KEY))


def test_key_in_further_headers_is_not_shown(serve, client, caplog):
    caplog.set_level(logging.DEBUG)
    server = serve(wire.answer({"error": {"message": "no"}}, 401))
    llm = client(server, api_key=None, headers={"X-Api-Key": PLAIN_KEY})
    with pytest.raises(LLMError) as caught:
        llm.chat_completion(MESSAGES)
    assert server.requests[0].headers["x-api-key"] == PLAIN_KEY
    shown = traces(caught.value, with_frames=True) + repr(vars(worlds.inner(llm)))
    shown += repr(llm.config)
    assert_no_key(shown + str(llm.config) + caplog.text, PLAIN_KEY)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_key_in_an_answer_that_does_not_fit_is_masked(serve, client, stream):
    class Reply(BaseModel):
        number: int

    content = json.dumps({"number": PLAIN_KEY})
    body = {**wire.CHAT, "choices": [{"message": {"role": "assistant", "content": content}}]}
    events = wire.event(wire.chunk(content, "stop")) + wire.DONE
    server = serve(wire.stream_answer(events) if stream else wire.answer(body))
    llm = client(server, api_key=PLAIN_KEY)
    with pytest.raises(LLMError) as caught:
        list(llm.chat_completion(MESSAGES, response_format=Reply, stream=stream))
    assert caught.value.code == "schema_mismatch"
    assert_no_key(traces(caught.value, with_frames=False), PLAIN_KEY)


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "nowhere"},
        {"timeout": -1},
        {"temperature": PLAIN_KEY},
        {"api_keys": PLAIN_KEY},
        {"api_key": PLAIN_KEY + "\n"},
        {"headers": {"X-Key": PLAIN_KEY + "\n"}},
        {"headers": {"X-Key\n": PLAIN_KEY}},
        {"headers": PLAIN_KEY},
        {"verify": {PLAIN_KEY: 1}},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_refused_settings_do_not_show_the_key(settings):
    with pytest.raises(LLMError) as caught:
        LLMConfig(**{"api_key": PLAIN_KEY, **settings})
    assert_no_key(traces(caught.value, with_frames=False), PLAIN_KEY)


def test_printed_settings_do_not_show_the_key(world):
    config = LLMConfig(api_key=PLAIN_KEY, headers={"X-Key": PLAIN_KEY})
    with world(config) as llm:
        shown = [repr(config), str(config), f"{config}", repr(vars(config)), f"{config.api_key}"]
        shown += [repr(config.model_dump()), config.model_dump_json(), repr(llm)]
        shown += [repr(vars(worlds.inner(llm)))]
        shown += [repr(list(config)), "%s %r" % (config.api_key, config.api_key)]  # noqa: UP031
    assert_no_key("\n".join(shown), PLAIN_KEY)


def test_prompt_is_not_in_errors_or_logs(call, serve, client, caplog):
    caplog.set_level(logging.DEBUG)
    llm = client(serve(wire.answer({"error": {"message": "no"}}, 500)), max_retries=1)
    with pytest.raises(LLMError) as caught:
        call.run(llm)
    assert "Hello?" not in repr(caught.value) + repr(vars(caught.value)) + caplog.text
