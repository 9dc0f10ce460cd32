"""Logs: what a line holds, where it goes, and that no key is in it."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from LLM import LLM, JSONFormatter, LLMConfig, LLMConfigError, LLMError, configure_logging
from LLM.logs import LOGGERS, reset_logging
from LLM.redaction import redacted, redacted_value
from LLM.secrets import MASK
from tests.remote.scripted_server import ScriptedServer
from tests.remote.wire import CHAT, answer

HELLO = [{"role": "user", "content": "Hello!"}]
#: It looks like no key, so that only who knows it masks it.
KEY = 'my "own"/word-of-passage'


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    """What a test configures ends with it."""
    yield
    reset_logging()
    assert all(logging.getLogger(name).propagate for name in LOGGERS)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_of_json_has_time_level_logger_and_message(stream: io.StringIO) -> None:
    configure_logging("debug", json=True, stream=stream)
    logging.getLogger("llmring.registry").debug("read %d models", 3)
    (line,) = lines(stream)
    assert {**line, "time": ""} == {
        "time": "",
        "level": "DEBUG",
        "logger": "llmring.registry",
        "message": "read 3 models",
    }
    age = datetime.now(UTC) - datetime.fromisoformat(line["time"])
    assert line["time"].endswith("Z")
    assert abs(age.total_seconds()) < 60


def test_an_answer_is_logged_with_what_it_took(stream: io.StringIO) -> None:
    configure_logging(json=True, stream=stream)
    with ScriptedServer((answer(CHAT),)) as server, LLM(LLMConfig(base_url=server.url)) as llm:
        llm.chat_completion(HELLO)
        host = server.url.removeprefix("http://")
    (tokens,) = [one for one in lines(stream) if "prompt_tokens" in one]
    assert (tokens["provider"], tokens["model"]) == (host, "gpt-4")
    assert (tokens["prompt_tokens"], tokens["completion_tokens"]) == (3, 2)
    assert tokens["estimated"] is False
    assert tokens["duration_s"] >= 0
    assert [one["response_id"] for one in lines(stream) if "response_id" in one] == ["chatcmpl-1"]


def test_a_failure_is_logged_with_its_facts(stream: io.StringIO) -> None:
    configure_logging("WARNING", json=True, stream=stream)
    refusal = answer({"error": {"message": "no", "code": "why"}}, 503, [("x-request-id", "req-7")])
    config = LLMConfig(max_retries=1, retry_delay=0)
    with ScriptedServer((refusal,)) as server, pytest.raises(LLMError):
        LLM(config.model_copy(update={"base_url": server.url})).chat_completion(HELLO)
    tried, failed = lines(stream)
    assert (tried["level"], failed["level"]) == ("WARNING", "ERROR")
    assert (tried["tries"], tried["delay_s"], failed["tries"]) == (1, 0, 2)
    for line in (tried, failed):
        assert line["error_class"] == "LLMServerError"
        assert (line["status"], line["code"], line["request_id"]) == (503, "why", "req-7")


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_a_living_clients_key_is_masked_wherever_it_stands(
    as_json: bool, stream: io.StringIO
) -> None:
    configure_logging("DEBUG", json=as_json, stream=stream)
    client = LLM(LLMConfig(api_key=KEY))
    logger = logging.getLogger("cloud")
    try:
        raise ValueError(f"refused {KEY}")
    except ValueError:
        logger.exception("with %s", KEY, extra={"asked": [{"k": KEY}], KEY: 1})
    encoded = base64.b64encode(f"me:{KEY}".encode()).decode()
    logger.debug("as JSON %s", json.dumps({"a": KEY, "b": encoded}), stack_info=True)
    client.close()
    written = stream.getvalue()
    assert len(written) > 200
    for form in (KEY, json.dumps(KEY)[1:-1], KEY.replace("/", "\\/"), "word-of-passage", encoded):
        assert form not in written


def test_a_key_whose_client_is_gone_is_no_longer_known(stream: io.StringIO) -> None:
    configure_logging(json=True, stream=stream)
    LLM(LLMConfig(api_key="a-short-lived-word")).close()
    logging.getLogger("LLM").info("a-short-lived-word")
    assert lines(stream)[-1]["message"] == "a-short-lived-word"


@pytest.mark.parametrize(
    "text",
    [
        "sk-proj-abcdefgh12345678",
        "sk-ant-api03-abcdefgh_12345678",
        "gsk_abcdefgh12345678",
        "AIzaSyA1234567890abcdefgh",
        "hf_abcdefghijklmnopqrstuv",
        "Authorization: Bearer opaque-token",
        '{"api_key": "opaque-token"}',
        "api key=opaque-token",
        "password: opaque-token",
        "https://x/v1/models?alt=json&key=opaque-token&x=1",
        "http://user:opaque-token@proxy:8080/",
        "Authorization: Basic dXNlcjpwYXNzd29yZA==",
        "the key 0123456789abcdef0123456789abcdef",
        "llmr_0123456789abcdef0123456789abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefgh",
    ],
)
def test_what_looks_like_a_key_is_masked(text: str) -> None:
    masked = redacted(text, ())
    assert MASK in masked
    assert not any(word in masked for word in ("opaque-token", "abcdefgh", "dXNl", "0123456789"))


@pytest.mark.parametrize(
    "text",
    [
        "tokens: 5 prompt, 7 completion",
        "task-sk-shirt and risk-averse people",
        "the key of the answer is 42",
        "max_tokens=100000000",
        "http://127.0.0.1:8000/v1",
        "a basic introduction to cooking",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_what_only_resembles_a_key_stays(text: str) -> None:
    assert redacted(text, ()) == text


def test_fields_for_keys_are_masked_by_their_names() -> None:
    fields = {"api_key": "short", "X-Api-Key": ["a"], "Cookie": "c", "authorization": "x"}
    assert set(redacted_value(fields, ()).values()) == {MASK}
    kept = {"max_tokens": 5, "author": "Ada", "tokenizer": "bpe", "key": None, "monkey": "m"}
    assert redacted_value(kept, ()) == kept


class Odd:
    """An object that cannot be written."""

    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_no_record_is_too_odd_to_be_written(
    as_json: bool, stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(json=as_json, stream=stream)
    cycle: list[Any] = []
    cycle.append(cycle)
    facts = {"odd": Odd(), "infinite": float("inf"), "cycle": cycle, "bytes": b"\xff"}
    logging.getLogger("LLM").info("one %d", "two", extra=facts)
    logging.getLogger("LLM").info("%s", Odd())
    assert len(stream.getvalue().splitlines()) == 2
    assert "its arguments do not fit: TypeError" in stream.getvalue()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_no_message_forges_a_line_or_steers_a_terminal(as_json: bool, stream: io.StringIO) -> None:
    configure_logging(json=as_json, stream=stream)
    logging.getLogger("LLM").info("a\n2026 ERROR forged \x1b[2J\u2028\x9b\u202e")
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert not {"\x1b", "\u2028", "\x9b", "\u202e"}.intersection(written)


def test_a_closed_stream_ends_no_call(capsys: pytest.CaptureFixture[str]) -> None:
    closed = io.StringIO()
    configure_logging(json=True, stream=closed)
    closed.close()
    logging.getLogger("LLM").info("one")
    assert capsys.readouterr().err == ""


def test_standard_error_is_where_logs_go_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logging.getLogger("local_llm_kit.engine").info("one")
    assert capsys.readouterr().err.endswith("Z INFO local_llm_kit.engine: one\n")


def test_configuring_again_replaces_what_was(stream: io.StringIO) -> None:
    configure_logging("DEBUG", json=True, stream=stream)
    configure_logging("ERROR", json=True, stream=stream)
    logging.getLogger("LLM").warning("one")
    logging.getLogger("LLM").error("two")
    assert [one["message"] for one in lines(stream)] == ["two"]


@pytest.mark.parametrize("level", ["LOUD", True, -1, None, 1.5], ids=repr)
def test_a_level_that_is_none_is_refused(level: Any) -> None:
    with pytest.raises(LLMConfigError, match="level is"):
        configure_logging(level)


def test_a_stream_that_takes_no_text_is_refused() -> None:
    with pytest.raises(LLMConfigError, match="stream is a PosixPath"):
        configure_logging(stream=Path("x"))


def test_the_formatter_serves_a_programs_own_handler(stream: io.StringIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    handler.handle(logging.makeLogRecord({"name": "app", "msg": "hi", "request_id": "r1"}))
    (line,) = lines(stream)
    assert (line["logger"], line["message"], line["request_id"]) == ("app", "hi", "r1")


def test_coroutines_are_logged_as_calls_are(stream: io.StringIO) -> None:
    from cloud.llm import AsyncOpenAICompatClient

    configure_logging(json=True, stream=stream)
    with ScriptedServer((answer(CHAT),)) as server:
        client = AsyncOpenAICompatClient(base_url=f"{server.url}/v1", model="m")
        asyncio.run(client.chat(HELLO))
    (line,) = [one for one in lines(stream) if one["logger"] == "cloud"]
    assert (line["model"], line["prompt_tokens"], line["completion_tokens"]) == ("m", 3, 2)
