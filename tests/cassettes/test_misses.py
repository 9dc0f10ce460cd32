"""Requests that were not recorded: told plainly, tried by nobody again."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from LLM import LLM, CassetteMissError, LLMConfig, LLMError, cassette
from tests.cassettes.conftest import HELLO, KEY, NOWHERE, event, lines, saying
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

Serve = Callable[..., ScriptedServer]
Client = Callable[..., LLM]


@pytest.fixture
def recorded(serve: Serve, file: Path) -> Path:
    """A cassette with one question and its answer."""
    with cassette(file), LLM(LLMConfig(base_url=serve(wire.answer(saying("Hi."))).url)) as llm:
        llm.chat_completion(HELLO, temperature=0.5, seed=1)
    return file


def test_a_miss_shows_the_nearest_request_and_where_it_differs(
    recorded: Path, client: Client
) -> None:
    with cassette(recorded, strict=True), pytest.raises(CassetteMissError) as caught:
        client(NOWHERE).chat_completion(HELLO, temperature=0.6, seed=1)
    told = str(caught.value)
    assert '- "temperature": 0.5\n+ "temperature": 0.6' in told
    assert "nearest request" in told
    assert "LLM_CASSETTE=new_episodes" in told
    assert pickle.loads(pickle.dumps(caught.value)).message == told


def test_a_miss_shows_no_key(recorded: Path, client: Client) -> None:
    secret = [{"role": "user", "content": f"my key is {KEY}"}]
    with cassette(recorded, strict=True), pytest.raises(CassetteMissError) as caught:
        client(NOWHERE).chat_completion(secret)
    assert "my key is ****" in str(caught.value)
    assert KEY not in str(caught.value)


class Stubborn:
    """Tries all again, for ever."""

    def delay(self, error: LLMError, attempt: int) -> float | None:
        assert attempt < 10, "the miss was tried again"
        return 0.0


def test_no_policy_tries_a_miss_again_and_no_log_shows_it(
    recorded: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = LLMConfig(base_url=NOWHERE)
    caplog.set_level(logging.DEBUG)
    with (
        cassette(recorded, strict=True),
        LLM(config, retry_policy=Stubborn()) as llm,
        pytest.raises(CassetteMissError),
    ):
        llm.chat_completion([{"role": "user", "content": "something private"}])
    assert "private" not in caplog.text


def test_an_answer_is_given_once(recorded: Path, client: Client) -> None:
    with cassette(recorded, strict=True, pace=0):
        llm = client(NOWHERE)
        llm.chat_completion(HELLO, temperature=0.5, seed=1)
        with pytest.raises(CassetteMissError, match="allow_repeats"):
            llm.chat_completion(HELLO, temperature=0.5, seed=1)


def test_allow_repeats_gives_the_last_answer_again(
    serve: Serve, client: Client, file: Path
) -> None:
    server = serve(wire.answer(saying("1")), wire.answer(saying("2")))
    with cassette(file):
        llm = client(server.url)
        llm.chat_completion(HELLO), llm.chat_completion(HELLO)
    with cassette(file, pace=0, allow_repeats=True):
        llm = client(NOWHERE)
        assert [llm.chat_completion(HELLO).text for _ in range(4)] == ["1", "2", "2", "2"]


def test_a_stream_that_was_left_replays_as_far_as_it_was_read(
    serve: Serve, client: Client, file: Path
) -> None:
    script = [wire.UNTIL_CLOSE, event("a"), lambda connection: connection.wait(5)]
    with cassette(file), client(serve(script).url).chat_completion(HELLO, stream=True) as stream:
        next(stream)
    assert lines(file)[0]["response"]["end"] == "left"
    with cassette(file, pace=0):
        stream = client(NOWHERE).chat_completion(HELLO, stream=True)
        assert next(stream).choices[0].delta.content == "a"
        with pytest.raises(CassetteMissError, match="where it was left"):
            next(stream)


@pytest.mark.parametrize(
    ("parts", "found"),
    [(("method", "path"), True), (("method", "host", "path", "query", "body"), False)],
    ids=["address", "all"],
)
def test_match_on_says_what_must_be_equal(
    recorded: Path, client: Client, parts: Any, found: bool
) -> None:
    with cassette(recorded, strict=True, pace=0, match_on=parts):
        llm = client(NOWHERE)
        if found:
            assert llm.chat_completion(HELLO, seed=2).text == "Hi."
        else:
            with pytest.raises(CassetteMissError):
                llm.chat_completion(HELLO, seed=2)


def test_another_host_of_the_network_is_another_host(recorded: Path, client: Client) -> None:
    with cassette(recorded, strict=True), pytest.raises(CassetteMissError, match="example"):
        client("https://llm.example").chat_completion(HELLO, temperature=0.5, seed=1)


@pytest.mark.parametrize("parts", ["body", (), ("method", "headers")], ids=str)
def test_parts_that_no_request_has_are_refused(file: Path, parts: Any) -> None:
    with pytest.raises(ValueError, match="match_on is"):
        cassette(file, match_on=parts)


def test_a_long_prompt_is_compared_in_little_time_and_shown_in_part(
    serve: Serve, file: Path
) -> None:
    def prompt(word: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": f"{word} {i}"} for i in range(3000)]

    server = serve(wire.answer(saying("Hi.")))
    with cassette(file), LLM(LLMConfig(base_url=server.url)) as llm:
        llm.chat_completion(prompt("a"))
    with (
        cassette(file, strict=True),
        LLM(LLMConfig(base_url=NOWHERE)) as llm,
        pytest.raises(CassetteMissError) as caught,
    ):
        llm.chat_completion(prompt("b"))
    assert len(str(caught.value)) <= 2000
