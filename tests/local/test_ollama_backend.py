"""The Ollama back end against a scripted server: what it sends, reads, refuses and survives."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from LLM.exceptions import (
    InvalidRequestError,
    LLMAPIError,
    LLMAuthError,
    LLMConfigError,
    LLMConnectionError,
    LLMContextLengthError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    LLMTimeoutError,
    ModelNotFoundError,
)
from local_llm_kit.arguments import parse_chat, parse_completion
from local_llm_kit.backends import Job, JSONObject
from local_llm_kit.embeddings import parse_embeddings
from local_llm_kit.engines.ollama import OllamaModel, OllamaOptions
from local_llm_kit.engines.protocol import Event, Failed, Finished
from tests.local.fake_ollama import (
    CUT,
    SHOWN,
    FakeOllama,
    Hold,
    done,
    fake_ollama,
    ndjson,
    said,
)

HELLO = [{"role": "user", "content": "Hello!"}]
SCHEMA = {
    "type": "object",
    "properties": {"at": {"anyOf": [{"$ref": "#/$defs/place"}, {"type": "null"}]}},
    "$defs": {"place": {"type": "object", "properties": {"city": {"type": "string"}}}},
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "function": {"name": "look", "description": "", "parameters": SCHEMA}}
]


@pytest.fixture
def fake() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


@pytest.fixture
def model(fake: FakeOllama) -> Iterator[OllamaModel]:
    model = load(fake)
    yield model
    model.close()


def load(fake: FakeOllama, name: str = "tiny", **options: Any) -> OllamaModel:
    return OllamaModel(name, OllamaOptions(host=fake.host, **options))


def finish(job: Job) -> tuple[list[JSONObject], JSONObject]:
    """Chunks and whole answer of a job."""
    batches: SimpleQueue[list[Event]] = SimpleQueue()
    job.start(batches.put)
    chunks = job.answer.start()
    while not job.answer.done:
        chunks += job.answer.feed(batches.get(timeout=20))
    return chunks, {} if chunks else job.answer.response()


def chat(model: OllamaModel, **arguments: Any) -> JSONObject:
    body = {"messages": HELLO} | arguments
    return finish(model.chat(parse_chat(body, model.defaults)))[1]


def streamed(model: OllamaModel, **arguments: Any) -> list[JSONObject]:
    body = {"messages": HELLO, "stream": True} | arguments
    return finish(model.chat(parse_chat(body, model.defaults)))[0]


def complete(model: OllamaModel, **arguments: Any) -> JSONObject:
    return finish(model.completion(parse_completion(arguments, model.defaults)))[1]


# -- what is sent -------------------------------------------------------------------------------


def test_the_window_is_sent_with_every_call_and_cutting_forbidden(
    fake: FakeOllama, model: OllamaModel
) -> None:
    chat(model)
    complete(model, prompt="Once")
    for path in ("/api/chat", "/api/generate"):
        (body,) = fake.bodies(path)
        assert body["options"]["num_ctx"] == model.info.context_length == 512
        assert (body["truncate"], body["shift"]) == (False, False)


def test_every_sampling_argument_is_sent(fake: FakeOllama, model: OllamaModel) -> None:
    chat(model, temperature=0.0, top_p=0.5, top_k=7, min_p=0.1, repetition_penalty=1.2, seed=5,
         presence_penalty=0.3, frequency_penalty=0.4, max_tokens=9, stop=["END"])  # fmt: skip
    assert fake.bodies("/api/chat")[0]["options"] == {
        "temperature": 0.0, "top_p": 0.5, "top_k": 7, "min_p": 0.1, "repeat_penalty": 1.2,
        "presence_penalty": 0.3, "frequency_penalty": 0.4, "num_predict": 9, "seed": 5,
        "num_ctx": 512, "stop": ["END", "<|im_end|>"],
    }  # fmt: skip


def test_without_stops_the_models_own_are_left_in_force(
    fake: FakeOllama, model: OllamaModel
) -> None:
    chat(model)
    assert "stop" not in fake.bodies("/api/chat")[0]["options"]


def test_an_answer_without_a_limit_ends_with_the_window(
    fake: FakeOllama, model: OllamaModel
) -> None:
    chat(model)
    assert fake.bodies("/api/chat")[0]["options"]["num_predict"] == 512


def test_several_choices_are_several_requests_with_seeds_of_their_own(
    fake: FakeOllama, model: OllamaModel
) -> None:
    answer = chat(model, n=3, seed=-1)
    seeds = sorted(body["options"]["seed"] for body in fake.bodies("/api/chat"))
    assert seeds == [0, 1, (1 << 31) - 1]
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert answer["usage"]["prompt_tokens"] == 7
    assert answer["usage"]["completion_tokens"] == 9


def test_schemas_of_tools_arrive_whole(fake: FakeOllama, model: OllamaModel) -> None:
    chat(model, tools=TOOLS)
    sent = fake.bodies("/api/chat")[0]["tools"][0]["function"]["parameters"]
    assert sent == SCHEMA


def test_a_tools_result_names_its_tool_and_its_call(fake: FakeOllama, model: OllamaModel) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"x":1}'}}
    chat(model, messages=[
        *HELLO, {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ])  # fmt: skip
    _, asked, result = fake.bodies("/api/chat")[0]["messages"]
    assert asked["tool_calls"] == [
        {"id": "c1", "function": {"name": "look", "arguments": {"x": 1}}}
    ]
    assert result == {
        "role": "tool", "content": "sunny", "tool_name": "look", "tool_call_id": "c1",
    }  # fmt: skip


def test_a_prompt_is_completed_as_it_is(fake: FakeOllama, model: OllamaModel) -> None:
    answer = complete(model, prompt=["One", "Two"], echo=True, n=2)
    assert all(body["raw"] is True for body in fake.bodies("/api/generate"))
    texts = [choice["text"] for choice in answer["choices"]]
    assert texts == ["Onea text", "Onea text", "Twoa text", "Twoa text"]


def test_keep_alive_is_sent_with_calls(fake: FakeOllama) -> None:
    model = load(fake, keep_alive="10m")
    chat(model)
    model.close()
    assert fake.bodies("/api/chat")[0]["keep_alive"] == "10m"


# -- what comes back ----------------------------------------------------------------------------


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


def test_embeddings_are_never_of_a_cut_text(fake: FakeOllama, model: OllamaModel) -> None:
    model.embeddings(parse_embeddings({"input": "a"}))
    assert fake.bodies("/api/embed")[0]["truncate"] is False


# -- the model ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "asked", "window"),
    [
        (SHOWN, None, 512),
        (SHOWN, 1024, 1024),
        (SHOWN | {"parameters": ""}, None, 2048),
        (SHOWN | {"model_info": {}, "parameters": ""}, None, 8192),
        ({"model_info": {"general.architecture": "x", "x.context_length": 131_072}}, None, 8192),
    ],
    ids=["Modelfile", "asked for", "the model's", "not told", "bounded"],
)
def test_the_window_is_chosen(
    fake: FakeOllama, shown: JSONObject, asked: int | None, window: int
) -> None:
    fake.models["tiny"] = shown
    model = load(fake, context_length=asked)
    model.close()
    assert model.info.context_length == window


def test_a_window_larger_than_the_models_is_refused(fake: FakeOllama) -> None:
    with pytest.raises(LLMConfigError, match=r"context_length is 4096.*1 to 2,048"):
        load(fake, context_length=4096)


def test_a_missing_model_is_told_with_what_is_near(fake: FakeOllama) -> None:
    with pytest.raises(ModelNotFoundError, match=r"'tinny'.*near: 'tiny'.*ollama pull tinny"):
        load(fake, "tinny")


def test_a_model_that_goes_missing_is_told_so(fake: FakeOllama, model: OllamaModel) -> None:
    fake.models.clear()
    with pytest.raises(ModelNotFoundError, match="ollama pull tiny"):
        chat(model)


def test_a_model_is_pulled_when_asked_for(fake: FakeOllama) -> None:
    told: list[tuple[str, int, int]] = []
    fake.script("/api/show", *ndjson({"error": "model 'new' not found"}), status=404)
    fake.models["new"] = SHOWN
    fake.script("/api/pull", *ndjson(
        {"status": "pulling", "completed": 3, "total": 9}, {"status": "success"}
    ))  # fmt: skip
    load(fake, "new", pull=True, progress=lambda *step: told.append(step)).close()
    assert told == [("pulling", 3, 9), ("success", 0, 0)]


def test_a_download_that_breaks_off_is_no_success(fake: FakeOllama) -> None:
    fake.script("/api/pull", *ndjson({"status": "pulling"}))
    with pytest.raises(LLMResponseError, match="ends before 'new' is downloaded"):
        load(fake, "new", pull=True)


def test_the_servers_models_are_listed_its_own_first(fake: FakeOllama, model: OllamaModel) -> None:
    fake.models["other:1b"] = SHOWN
    assert model.models() == ["tiny", "tiny:latest", "other:1b"]


# -- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "param"),
    [
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"messages": [{"role": "user", "content": "x", "name": "Ann"}]}, "messages[0].name"),
    ],
    ids=["logit_bias", "name"],
)
def test_what_ollama_cannot_honour_is_refused_by_name(
    fake: FakeOllama, model: OllamaModel, arguments: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequestError, match="not supported by the ollama") as caught:
        chat(model, **arguments)
    assert caught.value.body["param"] == param
    assert fake.bodies("/api/chat") == []


@pytest.mark.parametrize(
    ("arguments", "param"),
    [
        ({"prompt": [1, 2, 3]}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x", "max_tokens": 0}, "max_tokens"),
    ],
    ids=["token ids", "empty", "no tokens"],
)
def test_a_prompt_that_ollama_cannot_take_is_refused(
    model: OllamaModel, arguments: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        complete(model, **arguments)
    assert caught.value.body["param"] == param


@pytest.mark.parametrize("what", ["tokenize", "count_tokens", "detokenize"])
def test_there_is_no_tokenizer_and_it_is_told_what_to_do(model: OllamaModel, what: str) -> None:
    argument: Any = {"tokenize": "x", "count_tokens": HELLO, "detokenize": [1]}[what]
    with pytest.raises(InvalidRequestError, match=f"{what} is not supported.*llama.cpp"):
        getattr(model, what)(argument)


def test_tools_need_a_model_that_calls_them(fake: FakeOllama) -> None:
    fake.models["tiny"] = SHOWN | {"capabilities": ["completion"]}
    model = load(fake)
    with pytest.raises(InvalidRequestError, match="was not made to call tools"):
        chat(model, tools=TOOLS)
    model.close()


# -- failures -----------------------------------------------------------------------------------

_TOO_LONG = {
    "code": 400, "type": "exceed_context_size_error",
    "message": "request (351 tokens) exceeds the available context size (256 tokens)",
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, "bad options", InvalidRequestError),
        (400, "the input length exceeds the context length", LLMContextLengthError),
        (400, json.dumps({"error": _TOO_LONG}), LLMContextLengthError),
        (401, "unauthorized", LLMAuthError),
        (404, "model 'tiny' not found", ModelNotFoundError),
        (404, "404 page not found", InvalidRequestError),
        (429, "slow down", LLMRateLimitError),
        (500, "the runner died", LLMServerError),
        (503, "server busy", LLMServerError),
        (307, "moved", LLMAPIError),
    ],
)
def test_the_status_chooses_the_error(
    fake: FakeOllama, model: OllamaModel, status: int, error: str, expected: type[LLMError]
) -> None:
    fake.script("/api/chat", *ndjson({"error": error}), status=status)
    with pytest.raises(LLMError) as caught:
        chat(model)
    assert type(caught.value) is expected
    assert caught.value.status_code == status


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([*ndjson(said("x")[0]), CUT], LLMResponseError),
        (ndjson(said("x")[0]), LLMResponseError),
        ([b'{"message": {"content": "x'], LLMResponseError),
        ([], LLMResponseError),
        ([b"<html>Not Ollama</html>"], LLMResponseError),
        (ndjson([1, 2]), LLMResponseError),
        ([b"[" * 100_000 + b"\n"], LLMResponseError),
        ([b'{"eval_count": ' + b"9" * 10_000 + b"}\n"], LLMResponseError),
        ([b'{"message": {"content": "\\ud800"}}\n'], LLMResponseError),
        (ndjson({"message": "text"}), LLMResponseError),
        (ndjson({"message": {"content": 5}}), LLMResponseError),
        (ndjson({"message": {"tool_calls": [{"function": {}}]}}), LLMResponseError),
        (ndjson(done(done_reason="load")), LLMResponseError),
        (ndjson(said("x")[0], {"error": "the runner died"}), LLMServerError),
        (ndjson(said("x")[0], {"error": json.dumps({"error": _TOO_LONG})}), LLMContextLengthError),
        (ndjson(*said("x", prompt_eval_count=512, eval_count=1)), LLMContextLengthError),
        (ndjson(*said("x", prompt_eval_count=400, eval_count=300)), LLMContextLengthError),
    ],
    ids=["cut in the body", "no end", "amid a line", "empty", "html", "no object", "deep",
         "huge number", "surrogate", "message", "content", "call", "done_reason", "error amid",
         "too long amid", "prompt cut", "beginning forgotten"],
)  # fmt: skip
def test_a_broken_answer_is_no_success(
    fake: FakeOllama, model: OllamaModel, steps: list[Any], expected: type[LLMError]
) -> None:
    fake.script("/api/chat", *steps)
    with pytest.raises(LLMError) as caught:
        chat(model)
    assert type(caught.value) is expected
    assert chat(model)["choices"][0]["finish_reason"] == "stop"


def test_an_answer_is_not_unpacked_when_that_was_not_asked_for(
    fake: FakeOllama, model: OllamaModel
) -> None:
    fake.script("/api/chat", b"bomb", headers={"Content-Encoding": "gzip"})
    with pytest.raises(LLMResponseError, match="encoding"):
        chat(model)


def test_a_line_without_end_is_refused_in_bounded_memory(
    fake: FakeOllama, model: OllamaModel
) -> None:
    fake.script("/api/chat", *[b"x" * (1 << 20)] * 64)
    with pytest.raises(LLMResponseError, match="16 MiB"):
        chat(model)


def test_a_server_that_is_not_there_is_told_how_to_start(fake: FakeOllama) -> None:
    with fake_ollama() as other:
        pass
    with pytest.raises(LLMConnectionError, match=r"cannot connect to Ollama.*ollama serve"):
        load(other)


@pytest.mark.parametrize(
    ("steps", "deadline"),
    [([], "first_byte"), (ndjson(said("x")[0]), "between_chunks"), ([b'{"mess'], "first_byte")],
    ids=["silence", "a gap", "a line that drips"],
)
def test_deadlines_are_told_apart(fake: FakeOllama, steps: list[Any], deadline: str) -> None:
    model = load(fake, timeout_s=0.2)
    fake.script("/api/chat", *steps, Hold())
    with pytest.raises(LLMTimeoutError) as caught:
        chat(model)
    model.close()
    assert caught.value.deadline == deadline


@pytest.mark.parametrize("host", [":abc", "http://[::", "x:99999999"])
def test_a_host_that_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(LLMConfigError, match="no address"):
        OllamaModel("tiny", OllamaOptions(host=host))


def test_the_host_comes_from_ollamas_variable(
    fake: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", fake.host)
    model = OllamaModel("tiny")
    model.close()
    assert model.info.path == f"http://{fake.host}"


def test_a_local_server_is_not_reached_through_a_proxy(
    fake: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    load(fake).close()
    assert fake.bodies("/api/show") == [{"model": "tiny"}]


def test_a_key_goes_to_the_server_and_into_no_error(
    fake: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "sk-secret-123")
    model = load(fake)
    fake.script("/api/chat", *ndjson({"error": "bad key sk-secret-123"}), status=401)
    with pytest.raises(LLMAuthError) as caught:
        chat(model)
    model.close()
    assert fake.headers[-1]["authorization"] == "Bearer sk-secret-123"
    assert "secret" not in f"{caught.value!r} {caught.value.body}"


@pytest.mark.parametrize("key", ["sk-secret\n", "sk-secrét"])
def test_a_key_that_no_header_carries_is_refused_unshown(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", key)
    with pytest.raises(LLMConfigError, match="OLLAMA_API_KEY holds characters") as caught:
        OllamaModel("tiny")
    assert "sk-" not in str(caught.value)


# -- many at once -------------------------------------------------------------------------------


def start(model: OllamaModel, **arguments: Any) -> tuple[Any, SimpleQueue[list[Event]]]:
    batches: SimpleQueue[list[Event]] = SimpleQueue()
    job = model.chat(parse_chat({"messages": HELLO} | arguments, model.defaults))
    return job.start(batches.put), batches


def last(batches: SimpleQueue[list[Event]]) -> Event:
    """The end of a request."""
    while True:
        event = batches.get(timeout=20)[-1]
        if isinstance(event, (Finished, Failed)):
            return event


@pytest.mark.parametrize("pieces", [[], ndjson(said("x")[0])], ids=["reading", "writing"])
def test_a_cancelled_call_closes_its_connection(
    fake: FakeOllama, model: OllamaModel, pieces: list[bytes]
) -> None:
    hold = Hold()
    fake.script("/api/chat", *pieces, hold)
    (handle,), batches = start(model)
    assert hold.reached.wait(20)
    handle.cancel()
    handle.cancel()
    end = last(batches)
    assert isinstance(end, Finished)
    assert end.reason == "cancelled"
    assert hold.left.wait(20)


def test_only_so_many_calls_run_and_wait(fake: FakeOllama) -> None:
    model = load(fake, n_slots=1, max_queue=1)
    hold = Hold()
    fake.script("/api/chat", hold, *ndjson(*said("first")))
    _, first = start(model)
    _, second = start(model)
    assert hold.reached.wait(20)
    assert (model.stats.n_running, model.stats.n_waiting) == (1, 1)
    with pytest.raises(LLMRateLimitError):
        start(model)
    assert len(fake.bodies("/api/chat")) == 1
    hold.release()
    assert isinstance(last(first), Finished)
    assert isinstance(last(second), Finished)
    model.close()


def test_a_call_with_more_choices_than_room_starts_none(fake: FakeOllama) -> None:
    model = load(fake, n_slots=1, max_queue=1)
    with pytest.raises(LLMRateLimitError):
        start(model, n=3)
    model.close()
    assert fake.bodies("/api/chat") == []


def test_a_waiting_call_is_cancelled_unsent(fake: FakeOllama) -> None:
    model = load(fake, n_slots=1)
    hold = Hold()
    fake.script("/api/chat", hold)
    start(model)
    (handle,), batches = start(model)
    assert hold.reached.wait(20)
    handle.cancel()
    assert isinstance(last(batches), Finished)
    model.close()
    assert len(fake.bodies("/api/chat")) == 1


def test_closing_ends_what_runs(fake: FakeOllama, model: OllamaModel) -> None:
    hold = Hold()
    fake.script("/api/chat", hold)
    _, batches = start(model)
    assert hold.reached.wait(20)
    model.close()
    model.close()
    end = last(batches)
    assert isinstance(end, Failed)
    assert isinstance(end.error, LLMServerError)
    with pytest.raises(LLMServerError, match="closed"):
        start(model)


def test_connections_are_used_again(fake: FakeOllama) -> None:
    model = load(fake, n_slots=1)
    for _ in range(5):
        chat(model)
    model.close()
    assert fake.n_connections == 1


def test_threads_get_each_their_own_answers(fake: FakeOllama, model: OllamaModel) -> None:
    answers: SimpleQueue[str] = SimpleQueue()

    def ask() -> None:
        answers.put(chat(model)["choices"][0]["message"]["content"])

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    assert [answers.get(timeout=20) for _ in threads] == ["Hello there"] * 16
    for thread in threads:
        thread.join()
    assert (model.stats.n_running, model.stats.n_waiting) == (0, 0)
