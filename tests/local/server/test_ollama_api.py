"""Ollama's API, used by the package ``ollama`` through a real uvicorn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import ollama
import pytest
from pydantic import BaseModel

from local_llm_kit.server import LocalServer
from tests.local.http import ask, connect, read, request
from tests.local.server.models import until
from tests.local.server.ollama_lines import lines_of
from tests.local.support import model_of, running_server

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]
GREEDY = {"temperature": 0}
WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]


def weather(city: str) -> str:
    """Tell the weather.

    Args:
        city: The city.
    """
    return f"Sunny in {city}."


@pytest.fixture
def client(server: LocalServer) -> Iterator[ollama.Client]:
    with ollama.Client(host=server.url) as client:
        yield client


def test_a_chat_is_answered_with_counts_and_times(client: ollama.Client) -> None:
    answer = client.chat("tiny", HELLO, options=GREEDY)
    assert answer.message.role == "assistant"
    assert answer.message.content
    assert (answer.done, answer.done_reason) == (True, "stop")
    assert answer.prompt_eval_count
    assert answer.eval_count
    parts = (answer.load_duration, answer.prompt_eval_duration, answer.eval_duration)
    assert all(part is not None and part >= 0 for part in parts)
    assert 0 < sum(part or 0 for part in parts) <= (answer.total_duration or 0)


def test_a_stream_says_what_the_whole_answer_says(client: ollama.Client) -> None:
    whole = client.chat("tiny", HELLO, options=GREEDY)
    parts = list(client.chat("tiny", HELLO, options=GREEDY, stream=True))
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].done_reason == "stop"
    assert parts[-1].eval_count == whole.eval_count


def test_without_a_word_about_it_answers_are_streams_of_lines(server: LocalServer) -> None:
    answer = ask(server.url, "/api/chat", {"model": "tiny", "messages": HELLO})
    lines = lines_of(answer)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert len(lines) > 1
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert {line["model"] for line in lines} == {"tiny"}


def test_an_asynchronous_client_gets_the_same(server: LocalServer, client: ollama.Client) -> None:
    async def chat() -> tuple[str, str]:
        async with ollama.AsyncClient(host=server.url) as client:
            whole = await client.chat("tiny", HELLO, options=GREEDY)
            stream = await client.chat("tiny", HELLO, options=GREEDY, stream=True)
            texts = [part.message.content or "" async for part in stream]
            return whole.message.content or "", "".join(texts)

    expected = client.chat("tiny", HELLO, options=GREEDY).message.content
    assert asyncio.run(chat()) == (expected, expected)


def test_a_prompt_is_answered_as_a_chat_with_it(client: ollama.Client) -> None:
    chat = client.chat("tiny", HELLO, options=GREEDY)
    answer = client.generate("tiny", "Hello!", options=GREEDY)
    parts = list(client.generate("tiny", "Hello!", options=GREEDY, stream=True))
    assert answer.response == chat.message.content
    assert "".join(part.response or "" for part in parts) == answer.response
    assert parts[-1].done_reason == answer.done_reason == "stop"


def test_a_system_prompt_is_told_to_the_model(client: ollama.Client) -> None:
    told = client.generate("tiny", "Hello!", system="You are kind.", options=GREEDY)
    alone = client.generate("tiny", "Hello!", options=GREEDY)
    assert (told.prompt_eval_count or 0) > (alone.prompt_eval_count or 0)


def test_a_raw_prompt_gets_no_template(client: ollama.Client, server: LocalServer) -> None:
    body = {"prompt": "Once upon", "max_tokens": 3, "temperature": 0}
    expected = ask(server.url, "/v1/completions", body).json["choices"][0]["text"]
    options = GREEDY | {"num_predict": 3}
    answer = client.generate("tiny", "Once upon", raw=True, options=options)
    assert answer.response == expected
    assert answer.prompt_eval_count == len(model_of(server).tokenize("Once upon"))


@pytest.mark.parametrize("limit", [-2, -1, 0], ids=str)
def test_no_limit_of_tokens_lets_an_answer_end_by_itself(client: ollama.Client, limit: int) -> None:
    answer = client.chat("tiny", HELLO, options=GREEDY | {"num_predict": limit})
    assert answer.done_reason == "stop"


def test_a_limit_of_tokens_cuts_and_says_so(client: ollama.Client) -> None:
    answer = client.chat("tiny", HELLO, options=GREEDY | {"num_predict": 2})
    assert (answer.done_reason, answer.eval_count) == ("length", 2)


def test_a_stop_is_no_part_of_the_text(client: ollama.Client) -> None:
    whole = client.chat("tiny", HELLO, options=GREEDY).message.content or ""
    cut = client.chat("tiny", HELLO, options=GREEDY | {"stop": [whole[3:6]]})
    assert (cut.message.content, cut.done_reason) == (whole[:3], "stop")


def test_a_seed_repeats_an_answer() -> None:
    options = {"seed": 7, "temperature": 1.5, "top_k": 40, "min_p": 0.01}
    # Alone, and with the prompt in the cache from the second one on: the same sums each time.
    with running_server() as server, ollama.Client(host=server.url) as client:
        texts = [client.generate("tiny", "A story.", options=options).response for _ in range(4)]
        other = client.generate("tiny", "A story.", options=options | {"seed": 8}).response
    assert texts[1] == texts[2] == texts[3]
    assert texts[1] != other


def test_log_probabilities_are_told_token_by_token(client: ollama.Client) -> None:
    chat = client.chat("tiny", HELLO, options=GREEDY, logprobs=True, top_logprobs=2)
    raw = client.generate("tiny", "Once", raw=True, logprobs=True, top_logprobs=2,
                          options=GREEDY | {"num_predict": 4})  # fmt: skip
    assert "".join(one.token for one in chat.logprobs or ()) == chat.message.content
    assert "".join(one.token for one in raw.logprobs or ()) == raw.response
    for one in [*(chat.logprobs or ()), *(raw.logprobs or ())]:
        assert one.logprob <= 0
        assert next(top.token for top in one.top_logprobs or ()) == one.token


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_tool_is_called_with_an_object(client: ollama.Client, stream: bool) -> None:
    options = GREEDY
    if stream:
        parts = list(client.chat("tiny", WEATHER, tools=[weather], options=options, stream=True))
        calls = [call for part in parts for call in part.message.tool_calls or ()]
        assert parts[-1].done_reason == "stop"
    else:
        answer = client.chat("tiny", WEATHER, tools=[weather], options=options)
        calls = list(answer.message.tool_calls or ())
    (call,) = calls
    assert (call.function.name, call.function.arguments) == ("weather", {"city": "Paris"})


def test_a_tools_result_comes_back(client: ollama.Client) -> None:
    first = client.chat("tiny", WEATHER, tools=[weather], options=GREEDY)
    (call,) = first.message.tool_calls or ()
    result = {"role": "tool", "tool_name": "weather", "content": weather(**call.function.arguments)}
    messages: list[Any] = [*WEATHER, first.message, result]
    answer = client.chat("tiny", messages, tools=[weather], options=GREEDY)
    assert answer.done_reason == "stop"
    assert answer.message.content


def test_a_call_that_is_cut_is_no_call(client: ollama.Client) -> None:
    options = GREEDY | {"num_predict": 12}
    answer = client.chat("tiny", WEATHER, tools=[weather], options=options)
    assert (answer.message.tool_calls, answer.done_reason) == (None, "length")


class Town(BaseModel):
    name: str
    people: int


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_answer_is_held_to_a_schema(client: ollama.Client, stream: bool) -> None:
    schema = Town.model_json_schema()
    if stream:
        parts = client.chat("tiny", HELLO, format=schema, stream=True)
        text = "".join(part.message.content or "" for part in parts)
    else:
        text = client.generate("tiny", "Hello!", format=schema).response or ""
    assert Town.model_validate_json(text)


def test_an_answer_is_json(client: ollama.Client) -> None:
    text = client.chat("tiny", HELLO, format="json").message.content
    assert (text or "").startswith("{")


def test_embeddings_are_those_of_openais_api(client: ollama.Client, server: LocalServer) -> None:
    told = ask(server.url, "/v1/embeddings", {"input": ["one", "two"]}).json
    expected = [one["embedding"] for one in told["data"]]
    answer = client.embed("tiny", ["one", "two"])
    assert list(map(list, answer.embeddings)) == list(map(near, expected))
    assert answer.prompt_eval_count == told["usage"]["prompt_tokens"]
    assert (answer.total_duration or 0) >= (answer.load_duration or 0) > 0
    assert client.embed("tiny", "one").embeddings[0] == near(expected[0])
    assert client.embeddings("tiny", "one").embedding == near(expected[0])


def near(vector: list[float]) -> Any:
    """Quantised sums depend a little on their batch."""
    return pytest.approx(vector, abs=0.02)


def test_nothing_to_embed_is_no_error(client: ollama.Client) -> None:
    assert client.embed("tiny", []).embeddings == []
    assert client.embed("tiny", "").embeddings == []
    assert client.embeddings("tiny", "").embedding == []


@pytest.mark.parametrize("name", ["tiny", "tiny:latest"])
def test_names_go_with_the_default_tag_and_without(client: ollama.Client, name: str) -> None:
    assert client.show(name).capabilities
    assert client.generate(name, "Hello!").model == "tiny"
    assert client.embed(name, "x").model == "tiny"


def test_what_has_no_effect_is_named(server: LocalServer) -> None:
    options = {"num_ctx": 4096, "num_gpu": 0, "use_mmap": True, "temperature": 0}
    body = {"model": "tiny", "messages": HELLO, "options": options, "keep_alive": "5m"}
    answer = ask(server.url, "/api/chat", body)
    assert answer.headers["x-ignored-parameters"] == (
        "options.num_ctx, options.num_gpu, options.use_mmap, keep_alive")  # fmt: skip
    embedded = ask(server.url, "/api/embed", {"model": "tiny", "input": "x", "truncate": True})
    assert embedded.headers["x-ignored-parameters"] == "truncate"


def test_a_prompt_longer_than_the_window_is_refused_whatever_num_ctx_says(
    client: ollama.Client,
) -> None:
    with pytest.raises(ollama.ResponseError, match="window") as caught:
        client.generate("tiny", "word " * 5000, options={"num_ctx": 1 << 20})
    assert caught.value.status_code == 400


def test_a_conversation_is_cut_when_that_is_asked_for(server: LocalServer) -> None:
    turns = [{"role": "user", "content": f"The number {i} is here. " * 20} for i in range(60)]
    body = {"model": "tiny", "messages": turns, "stream": False, "options": {"num_predict": 4}}
    assert ask(server.url, "/api/chat", body).status == 400
    cut = ask(server.url, "/api/chat", body | {"truncate": True})
    assert (cut.status, cut.json["overflow"]["policy"]) == (200, "drop_oldest")


def test_an_error_amid_a_stream_is_its_last_line() -> None:
    many = {"type": "array", "items": {"type": "integer"}, "minItems": 900}
    body = {"model": "tiny", "prompt": "x", "format": many, "options": GREEDY}
    with running_server() as server:
        sock = connect(server.url)
        sock.sendall(request(server.url, "/api/generate", body))
        sock.recv(1, socket.MSG_PEEK)
        model_of(server).close()
        answer = read(sock)
    *parts, last = lines_of(answer)
    assert answer.status == 200
    assert last == {"error": "the engine was closed", "code": "engine_closed"}
    assert all("response" in part for part in parts)


def test_errors_carry_status_and_words(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="temperature is 3") as caught:
        client.chat("tiny", HELLO, options={"temperature": 3})
    assert caught.value.status_code == 400
    with pytest.raises(ollama.ResponseError, match="temperature is 3"):
        list(client.chat("tiny", HELLO, options={"temperature": 3}, stream=True))


def test_a_model_that_fills_no_gaps_says_so(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="suffix") as caught:
        client.generate("tiny", "Once", suffix="the end")
    assert caught.value.status_code == 400


def test_a_model_that_does_not_think_says_so(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="'tiny' does not support thinking"):
        client.chat("tiny", HELLO, think=True)
    assert client.chat("tiny", HELLO, think=False).message.content


def test_loading_and_unloading_need_no_prompt() -> None:
    with running_server() as server, ollama.Client(host=server.url) as client:
        assert client.generate("tiny", keep_alive=0).done_reason == "unload"
        assert client.ps().models == []
        assert client.chat("tiny").done_reason == "load"
        assert [model.name for model in client.ps().models] == ["tiny"]
        assert client.chat("tiny:latest", keep_alive="0s").message.content == ""
        assert client.ps().models == []
        assert client.chat("tiny", keep_alive=0).done_reason == "unload"  # it is not loaded


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_last_answer_unloads_its_model(stream: bool) -> None:
    with running_server() as server, ollama.Client(host=server.url) as client:
        answer = client.generate("tiny", "Hello!", keep_alive=0, stream=stream)
        assert answer.response if not stream else list(answer)
        until(lambda: not client.ps().models)
        assert client.generate("tiny", "Hello!").response


@pytest.mark.slow
def test_a_model_in_use_is_not_unloaded() -> None:
    with running_server() as server, ollama.Client(host=server.url) as client:
        with server.catalog.lease(None), pytest.raises(ollama.ResponseError, match="in use") as err:
            client.generate("tiny", keep_alive=0)
        assert err.value.status_code == 409
        with pytest.raises(ollama.ResponseError, match="does not exist"):
            client.generate("other", keep_alive=0)


def test_a_client_that_leaves_frees_its_slot() -> None:
    many = {"type": "array", "items": {"type": "integer"}, "minItems": 900}
    body = {"model": "tiny", "prompt": "x", "format": many, "options": GREEDY}
    with running_server() as server:
        for stream in (True, False):
            sock = connect(server.url)
            sock.sendall(request(server.url, "/api/generate", body | {"stream": stream}))
            until(lambda: model_of(server).stats.n_running == 1)
            n_before = model_of(server).stats.n_generated
            sock.close()
            until(lambda: model_of(server).stats.n_running == 0)
            assert model_of(server).stats.n_generated - n_before < 900
