"""The class raised in process is the class that `LLM` raises against our own server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from LLM import (
    LLM,
    ChatStream,
    LLMConfig,
    LLMContextLengthError,
    LLMError,
    LLMRateLimitError,
    LLMServerError,
    LLMTimeoutError,
)
from local_llm_kit import InvalidRequestError, LLMClient
from local_llm_kit.loading import LoadOptions
from tests.local.support import running_server

Ask = Callable[..., Any]
HELLO = [{"role": "user", "content": "Hello!"}]
#: Goes on to the end of the window: no token that ends an answer is allowed.
ENDLESS: dict[str, Any] = {
    "messages": HELLO, "logit_bias": {0: -100, 2: -100}, "temperature": 1.5, "top_p": 1,
}  # fmt: skip


@pytest.fixture(scope="module", params=["in process", "over HTTP"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """A chat completion, on a model that takes one call at a time."""
    if request.param == "in process":
        with LLMClient("tiny", n_slots=1, max_queue=2) as client:
            yield client.chat.completions.create
        return
    with (
        running_server(LoadOptions(n_slots=1, max_queue=2)) as server,
        LLM(LLMConfig(base_url=server.url, max_retries=0)) as llm,
    ):
        yield llm.chat_completion


def error_of(ask: Ask, **fields: Any) -> LLMError:
    with pytest.raises(LLMError) as caught:
        ask(**{"messages": HELLO, **fields})
    return caught.value


def wait_for_room(ask: Ask) -> None:
    """Until what was cancelled has left: that takes a step."""
    while True:
        with contextlib.suppress(LLMRateLimitError):
            ask(messages=HELLO, max_tokens=1)
            return


@pytest.mark.parametrize(
    ("fields", "cls", "code"),
    [
        ({"top_k": -1}, InvalidRequestError, None),
        ({"no_such": 1}, InvalidRequestError, "unknown_parameter"),
        ({"suffix": "x"}, InvalidRequestError, "unsupported_parameter"),
        ({"messages": [{"role": "king", "content": "x"}]}, InvalidRequestError, None),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, InvalidRequestError, None),
        ({"response_format": {"type": "xml"}}, InvalidRequestError, None),
        ({"logit_bias": {"5000000": 1}}, InvalidRequestError, None),
        ({"messages": [{"role": "user", "content": "xy " * 1500}]},
         LLMContextLengthError, "context_length_exceeded"),
        ({"messages": [{"role": "user", "content": "xy " * 50_000}]},
         LLMContextLengthError, "context_length_exceeded"),
    ],
    ids=lambda value: str(value)[:36] if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_request_that_cannot_work(
    ask: Ask, fields: dict[str, Any], cls: type[LLMError], code: str | None
) -> None:
    error = error_of(ask, **fields)
    assert type(error) is cls
    assert error.status_code == 400
    assert code is None or error.code == code


def test_a_full_queue(ask: Ask) -> None:
    with contextlib.ExitStack() as streams:
        for _ in range(3):
            streams.enter_context(ask(**ENDLESS, stream=True))
        error = error_of(ask)
    wait_for_room(ask)
    assert type(error) is LLMRateLimitError
    assert (error.status_code, error.code, error.retry_after) == (429, "queue_full", 1)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_deadline(ask: Ask, stream: bool) -> None:
    def wait() -> None:
        answer = ask(**ENDLESS, stream=stream, timeout=1e-4)
        assert isinstance(answer, ChatStream)
        list(answer)

    with pytest.raises(LLMError) as caught:
        wait()
    wait_for_room(ask)
    assert type(caught.value) is LLMTimeoutError
    assert not stream or caught.value.deadline in ("first_byte", "between_chunks")


def test_a_model_that_was_closed() -> None:
    with LLMClient("tiny", context_length=256) as client:
        pass
    error = error_of(client.chat.completions.create)
    assert type(error) is LLMServerError
    assert (error.status_code, error.code) == (503, "engine_closed")


def test_a_text_in_place_of_messages_is_told_what_to_give(ask: Ask) -> None:
    error = error_of(ask, messages="Hello!")
    assert isinstance(error, InvalidRequestError)
    assert "messages is a str; give a list such as [{'role': 'user', " in str(error)
