"""What is read out of an Ollama server's streams."""

from __future__ import annotations

import pytest

from LLM.exceptions import (
    InvalidRequestError,
    LLMResponseError,
)
from local_llm_kit.answers import Answer
from local_llm_kit.arguments import parse_chat
from local_llm_kit.embeddings import parse_embeddings
from local_llm_kit.engines.ollama import OllamaModel
from local_llm_kit.engines.protocol import Timings
from tests.local.ollama.fake import (
    FakeOllama,
    done,
    ndjson,
    said,
)
from tests.local.ollama.support import HELLO, TOOLS, chat, finish, streamed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", [None, 1, 2, 3, 7, 64, 100_000])
def test_streams_cut_anywhere_give_the_same_text(
    fake: FakeOllama, model: OllamaModel, size: int | None
) -> None:
    texts = ["Grüße \u0085 an", " \u2028 alle\n", "\r", '🙂 {"done": true}']
    fake.script("/api/chat", *ndjson(*said(*texts), size=size))
    answer = chat(model)
    assert answer["choices"][0]["message"]["content"] == "".join(texts)


def test_stream_and_whole_answer_agree(fake: FakeOllama, model: OllamaModel) -> None:
    script = ndjson(*said("Hel", "lo", done_reason="length"))
    fake.script("/api/chat", *script)
    fake.script("/api/chat", *script)
    chunks = streamed(model, stream_options={"include_usage": True})
    whole = chat(model)
    parts = [part for chunk in chunks for part in chunk["choices"]]
    text = "".join(part["delta"].get("content") or "" for part in parts)
    assert text == whole["choices"][0]["message"]["content"] == "Hello"
    assert parts[-1]["finish_reason"] == whole["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["usage"] == whole["usage"]


def test_calls_come_out_in_openais_shape(fake: FakeOllama, model: OllamaModel) -> None:
    called = {"tool_calls": [{"function": {"name": "look", "arguments": {"at": None}}}]}
    fake.script("/api/chat", *ndjson({"message": called}, done()))
    (choice,) = chat(model, tools=TOOLS)["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert call.pop("id").startswith("call_")
    assert call == {"type": "function", "function": {"name": "look", "arguments": '{"at":null}'}}
    assert (choice["message"]["content"], choice["finish_reason"]) == (None, "tool_calls")


def test_text_that_looks_like_a_call_stays_text(fake: FakeOllama, model: OllamaModel) -> None:
    text = '<tool_call>{"name": "look"}</tool_call>'
    fake.script("/api/chat", *ndjson(*said(text)))
    (choice,) = chat(model, tools=TOOLS)["choices"]
    assert choice["message"]["content"] == text


def test_thinking_is_told_apart_from_the_answer(fake: FakeOllama, model: OllamaModel) -> None:
    thoughts = [{"message": {"thinking": text}} for text in ("Hm", "m.")]
    fake.script("/api/chat", *ndjson(*thoughts, *said("Yes")))
    message = chat(model)["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("Hmm.", "Yes")


def test_log_probabilities_are_told(fake: FakeOllama, model: OllamaModel) -> None:
    score = {"token": "�", "bytes": [195], "logprob": -0.5}
    fake.script("/api/chat", *ndjson(
        {"message": {"content": ""}, "logprobs": [score | {"top_logprobs": [score]}]}, *said("ü")
    ))  # fmt: skip
    answer = chat(model, logprobs=True, top_logprobs=1)
    (told,) = answer["choices"][0]["logprobs"]["content"]
    assert (told["bytes"], told["logprob"], len(told["top_logprobs"])) == ([195], -0.5, 1)
    assert fake.bodies("/api/chat")[0]["top_logprobs"] == 1


def test_a_server_without_log_probabilities_is_told_apart(
    fake: FakeOllama, model: OllamaModel
) -> None:
    with pytest.raises(InvalidRequestError, match="gives no logprobs"):
        chat(model, logprobs=True)


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_have_openais_shape(model: OllamaModel, encoding: str) -> None:
    body = {"input": ["a", "b"], "encoding_format": encoding}
    answer = model.embeddings(parse_embeddings(body))
    first = {"float": [0.0, 0.5, 0.0, 0.0], "base64": "AAAAAAAAAD8AAAAAAAAAAA=="}
    assert answer["data"][0] == {"object": "embedding", "index": 0, "embedding": first[encoding]}
    assert answer["usage"] == {"prompt_tokens": 5, "total_tokens": 5}


@pytest.mark.parametrize("encoding", ["float", "base64"])
@pytest.mark.parametrize("number", ["1e300", "1e999", "1" + "0" * 400, "true"])
def test_embeddings_of_numbers_that_are_none_are_refused(
    fake: FakeOllama, model: OllamaModel, number: str, encoding: str
) -> None:
    fake.script("/api/embed", b'{"embeddings": [[0, ' + number.encode() + b"]]}")
    with pytest.raises(LLMResponseError, match="no lists of numbers"):
        model.embeddings(parse_embeddings({"input": "a", "encoding_format": encoding}))


@pytest.mark.parametrize("number", ["1e999", "-1" + "0" * 400, "true"])
def test_log_probabilities_that_are_no_numbers_are_refused(
    fake: FakeOllama, model: OllamaModel, number: str
) -> None:
    line = b'{"message": {"content": "x"}, "logprobs": [{"token": "x", "logprob": NUMBER}]}\n'
    fake.script("/api/chat", line.replace(b"NUMBER", number.encode()), *ndjson(*said("")))
    with pytest.raises(LLMResponseError, match="log probability that is no number"):
        chat(model, logprobs=True)


def test_embeddings_are_never_of_a_cut_text(fake: FakeOllama, model: OllamaModel) -> None:
    model.embeddings(parse_embeddings({"input": "a"}))
    assert fake.bodies("/api/embed")[0]["truncate"] is False


def test_the_end_carries_the_times_that_the_server_measured(
    fake: FakeOllama, model: OllamaModel
) -> None:
    times = {"prompt_eval_duration": 2_000_000_000, "eval_duration": 500_000_000}
    fake.script("/api/chat", *ndjson(*said("Hi", **times)))
    job = model.chat(parse_chat({"messages": HELLO}, model.defaults))
    finish(job)
    assert isinstance(job.answer, Answer)
    (choice,) = job.answer.choices
    assert choice.end is not None
    assert choice.end.timings == Timings(0.0, 2.0, 0.5)
