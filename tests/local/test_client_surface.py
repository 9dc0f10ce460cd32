"""What `LLMClient` offers beside answers: options, deadlines, token counts, saved conversations."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from LLM import LLMConfigError, LLMTimeoutError
from local_llm_kit import InvalidRequestError, LLMClient

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]
#: Goes on to the end of the window: no token that ends an answer is allowed.
ENDLESS: dict[str, Any] = {
    "messages": HELLO, "logit_bias": {0: -100, 2: -100}, "temperature": 1.5, "top_p": 1,
}  # fmt: skip


def wait_until_idle(client: LLMClient) -> None:
    end = time.monotonic() + 10
    while client.stats.n_running and time.monotonic() < end:
        time.sleep(0.001)
    assert client.stats.n_running == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("n_slot", "no option 'n_slot'; did you mean 'n_slots'"),
        ("colour", "no option 'colour'; options: model_path, "),
    ],
    ids=["near", "far"],
)
def test_an_option_that_does_not_exist_is_named(name: str, message: str) -> None:
    with pytest.raises(LLMConfigError, match=message):
        LLMClient("tiny", **{name: 2})


@pytest.mark.parametrize(
    "value",
    [0, -1, float("nan"), 1e9, True, "soon", [], pytest.param(10**5000, id="huge")],
    ids=repr,
)
def test_a_timeout_that_cannot_work_is_refused(client: LLMClient, value: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"timeout (is|must be)"):
        client.chat.completions.create(messages=HELLO, timeout=value)
    with pytest.raises(InvalidRequestError, match=r"timeout (is|must be)"):
        LLMClient("tiny", timeout=value)


def test_a_whole_answer_has_its_time_in_total_and_frees_its_slot(client: LLMClient) -> None:
    start = time.monotonic()
    with pytest.raises(LLMTimeoutError, match=r"within 0\.05 seconds") as caught:
        client.chat.completions.create(**ENDLESS, n=8, timeout=0.05)
    assert 0.05 <= time.monotonic() - start < 10
    assert (caught.value.deadline, caught.value.model) == ("total", "tiny")
    wait_until_idle(client)


@contextmanager
def held(client: LLMClient) -> Iterator[None]:
    """Let the client's model compute nothing while the block runs."""
    client.load()
    (model,) = client._catalog.loaded_models()
    context, released = model.engine._context, threading.Event()  # type: ignore[attr-defined]
    decode = context.decode

    def decode_later(*args: Any) -> Any:
        released.wait(30)
        return decode(*args)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(context, "decode", decode_later)
        try:
            yield
        finally:
            released.set()


def test_a_stream_has_its_time_for_the_first_chunk(client: LLMClient) -> None:
    with held(client), pytest.raises(LLMTimeoutError) as caught:
        client.chat.completions.create(**ENDLESS, stream=True, timeout=1e-9).response  # noqa: B018
    assert caught.value.deadline == "first_byte"
    wait_until_idle(client)


def test_a_stream_that_goes_on_is_not_cut(client: LLMClient) -> None:
    start = time.monotonic()
    stream = client.chat.completions.create(**ENDLESS, stream=True, timeout=1.0)
    for _ in stream:
        if time.monotonic() - start > 1.1:
            break
    stream.close()
    assert stream.text


def test_the_clients_timeout_is_for_calls_that_give_none() -> None:
    with LLMClient("tiny", timeout=1e-9) as client:
        with held(client), pytest.raises(LLMTimeoutError):
            client.completions.create(prompt="One")
        with held(client), pytest.raises(LLMTimeoutError):
            client.decisions.create(
                input="x", questions=[{"type": "predicate", "instructions": "It is x."}]
            )
        assert client.completions.create(prompt="One", timeout=60).text


def test_tokens_are_told_and_read_back(client: LLMClient) -> None:
    tokens = client.tokenize("The boat is red: ü")
    assert client.detokenize(tokens) == "The boat is red: ü"
    assert client.count_tokens("The boat is red: ü") == len(tokens)


def test_messages_are_counted_as_their_prompt(client: LLMClient) -> None:
    tool = {"name": "look", "description": "Looks.", "parameters": {}}
    plain = client.chat.completions.create(messages=HELLO, max_tokens=1).usage
    tooled = client.chat.completions.create(messages=HELLO, max_tokens=1, tools=[tool]).usage
    assert plain is not None
    assert tooled is not None
    assert client.count_tokens(HELLO) == plain.prompt_tokens
    assert client.count_tokens(HELLO, tools=[tool]) == tooled.prompt_tokens


def test_what_does_not_fit_is_counted_all_the_same(client: LLMClient) -> None:
    long = [{"role": "user", "content": "boat " * 3000}]
    assert client.count_tokens(long) > 3000 > client.info.context_length


def test_a_saved_conversation_is_found_in_another_clients_cache(tmp_path: Path) -> None:
    path = tmp_path / "talk.state"
    messages = [{"role": "system", "content": "You know a lot about boats. " * 8}, *HELLO]
    with LLMClient("tiny", n_slots=2) as first:
        assert first.save_state(messages, path) == 0
        assert not path.exists()
        first.chat.completions.create(messages=messages, max_tokens=1)
        n_saved = first.save_state(messages, path)
    with LLMClient("tiny", n_slots=2) as second:
        assert second.load_state(path) == n_saved
        usage = second.chat.completions.create(messages=messages, max_tokens=1).usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == usage.prompt_tokens - 1


def test_a_state_that_is_none_is_refused(client: LLMClient, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"GGUF and more")
    with pytest.raises(InvalidRequestError):
        client.load_state(tmp_path / "x")
