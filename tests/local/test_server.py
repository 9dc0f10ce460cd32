"""The server's answers, through a real uvicorn."""

from __future__ import annotations

import gc
import json
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from LLM import LLM, LLMConfig, LLMConfigError, LLMError, ModelNotFoundError
from local_llm_kit import LLMClient
from local_llm_kit.loading import LoadOptions
from local_llm_kit.server import LocalServer, ServerOptions
from tests.local.http import ask, connect, read, request
from tests.local.support import model_of, running_server

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]
CHAT = "/v1/chat/completions"
ENDLESS = {"messages": HELLO, "stream": True, "logit_bias": {"0": -100, "1": -100, "2": -100}}


def events(body: bytes) -> list[Any]:
    """Data of a chunked stream's events."""
    text = b"".join(body.split(b"\r\n")[1::2]).decode()
    return [event.removeprefix("data: ") for event in text.split("\n\n") if event]


def test_a_server_that_cannot_be_made_gives_its_address_back() -> None:
    with pytest.raises(LLMConfigError, match="memory_budget"):
        LocalServer("tiny", ServerOptions(port=0), LoadOptions(memory_budget="nonsense"))
    gc.collect()  # an open socket would fail the test by its warning


def test_a_chat_answer_has_every_required_key(server: LocalServer) -> None:
    answer = ask(server.url, CHAT, {"model": "tiny", "messages": HELLO}).json
    choice = answer["choices"][0]
    assert answer["object"] == "chat.completion"
    assert {"id", "created", "model", "usage"} <= set(answer)
    assert (choice["logprobs"], choice["message"]["refusal"]) == (None, None)
    assert "cached_tokens" in answer["usage"]["prompt_tokens_details"]


def test_a_stream_ends_with_usage_and_done(server: LocalServer) -> None:
    body = {"messages": HELLO, "stream": True, "stream_options": {"include_usage": True}}
    answer = ask(server.url, CHAT, body)
    found = events(answer.body)
    chunks = [json.loads(event) for event in found[:-1]]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert found[-1] == "[DONE]"
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert (chunks[-1]["choices"], chunks[-2]["usage"]) == ([], None)


def test_server_and_client_give_the_same_answer(server: LocalServer, client: LLMClient) -> None:
    body = {"messages": HELLO, "seed": 3, "temperature": 1.0, "n": 2}
    over_http = ask(server.url, CHAT, body).json
    in_process = client.chat.completions.create(**body).model_dump()
    texts = [choice["message"]["content"] for choice in over_http["choices"]]
    assert texts == [choice["message"]["content"] for choice in in_process["choices"]]


def test_a_text_is_gone_on_with(server: LocalServer) -> None:
    body = {"prompt": ["One,", "Two,"], "max_tokens": 2, "echo": True}
    answer = ask(server.url, "/v1/completions", body).json
    assert answer["object"] == "text_completion"
    assert [choice["text"][:4] for choice in answer["choices"]] == ["One,", "Two,"]


def test_models_and_health_answer(server: LocalServer) -> None:
    assert [model["id"] for model in ask(server.url, "/v1/models").json["data"]] == ["tiny"]
    assert ask(server.url, "/v1/models/tiny").json["context_length"] == 2048
    assert ask(server.url, "/health").json["status"] == "ok"


def test_any_name_is_answered_by_the_one_model_which_says_its_own(server: LocalServer) -> None:
    assert ask(server.url, CHAT, {"model": "gpt-4", "messages": HELLO}).json["model"] == "tiny"


def test_strict_models_answer_to_their_names_only() -> None:
    with running_server(strict_model=True, aliases=["gpt-4"]) as server:
        body = {"messages": HELLO, "max_tokens": 1}
        assert ask(server.url, CHAT, {"model": "gpt-4", **body}).status == 200
        refused = ask(server.url, CHAT, {"model": "gpt-5", **body})
        assert (refused.status, refused.error["code"]) == (404, "model_not_found")
        assert "tiny, gpt-4" in refused.error["message"]
        names = [model["id"] for model in ask(server.url, "/v1/models").json["data"]]
        assert names == ["tiny", "gpt-4"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"top_k": -1},
        {"response_format": {"type": "xml"}},
        {"messages": [{"role": "user", "content": "xy " * 1500}]},
        {"messages": [{"role": "user", "content": "xy " * 50_000}]},
        {"no_such": 1},
    ],
    ids=lambda arguments: str(arguments)[:30],
)
def test_the_class_raised_over_http_is_the_class_raised_in_process(
    server: LocalServer, client: LLMClient, arguments: dict[str, Any]
) -> None:
    fields = {"messages": HELLO, **arguments}
    with pytest.raises(LLMError) as here:
        client.chat.completions.create(**fields)
    with (
        LLM(LLMConfig(base_url=server.url, max_retries=0)) as llm,
        pytest.raises(LLMError) as there,
    ):
        llm.chat_completion(**fields)
    assert type(there.value) is type(here.value)
    assert there.value.status_code == here.value.status_code
    assert there.value.code == here.value.code or here.value.code is None


def test_a_client_that_leaves_frees_its_slot() -> None:
    with running_server(LoadOptions(n_slots=1)) as server:
        sock = connect(server.url)
        sock.sendall(request(server.url, CHAT, ENDLESS))
        sock.recv(500)
        sock.close()
        answer = ask(server.url, CHAT, {"messages": HELLO, "temperature": 0})
        assert answer.status == 200
        assert ask(server.url, "/health").json["running"] == 0


def test_a_client_that_leaves_before_its_whole_answer_frees_its_slot() -> None:
    with running_server(LoadOptions(n_slots=1)) as server:
        sock = connect(server.url)
        sock.sendall(request(server.url, CHAT, ENDLESS | {"stream": False}))
        while ask(server.url, "/health").json["running"] == 0:
            continue
        sock.close()
        assert ask(server.url, CHAT, {"messages": HELLO, "max_tokens": 2}).status == 200


def test_a_client_that_leaves_behind_pipelined_requests_frees_its_slot(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running_server() as server:
        for stream in (True, False):
            body = ENDLESS | {"stream": stream}
            data = request(server.url, CHAT, body, headers={"Connection": "keep-alive"})
            with connect(server.url) as sock:
                sock.sendall(data * 2)
                while not model_of(server).engine.stats.n_running:
                    time.sleep(0.01)
                sock.sendall(data)
                time.sleep(0.05)
            n_generated = model_of(server).engine.stats.n_generated
            while model_of(server).engine.stats.n_running:
                time.sleep(0.01)
            assert model_of(server).engine.stats.n_generated < n_generated + 500
    assert not caplog.records


def test_a_full_queue_is_429_with_a_time_to_wait() -> None:
    with running_server(LoadOptions(n_slots=1, max_queue=0)) as server:
        sock = connect(server.url)
        sock.sendall(request(server.url, CHAT, ENDLESS))
        sock.recv(500)
        refused = ask(server.url, CHAT, {"messages": HELLO})
        sock.close()
        assert (refused.status, refused.error["type"]) == (429, "rate_limit_error")
        assert refused.headers["retry-after"] == "1"


def test_an_engine_that_fails_ends_the_stream_with_an_error_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running_server() as server:
        sock = connect(server.url)
        sock.sendall(request(server.url, CHAT, ENDLESS))
        start = sock.recv(500)
        monkeypatch.setattr(model_of(server).engine._context, "decode", lambda n: 1 / 0)
        rest = start + b"".join(iter(lambda: sock.recv(65536), b""))
        sock.close()
        assert b'data: {"error":{"message":"the engine failed' in rest
        assert b"[DONE]" not in rest


def test_stopping_ends_a_stream_that_does_not_finish_in_time() -> None:
    with running_server(grace_s=0.1) as server:
        sock = connect(server.url)
        sock.sendall(request(server.url, CHAT, ENDLESS))
        sock.recv(500)
        server.stop()
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
        sock.close()
        assert b"the engine was closed" in answer or b'"finish_reason":"length"' in answer


def test_a_port_in_use_is_told_before_anything_starts(server: LocalServer) -> None:
    with pytest.raises(LLMConfigError, match="choose another port"):
        LocalServer("tiny", ServerOptions(port=server.port))


@pytest.mark.parametrize(
    "options",
    [
        {"host": "0.0.0.0"}, {"host": "no.such.host.invalid"}, {"port": 70000},
        {"api_key": "two words"}, {"api_key": "schlüssel"},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(LLMConfigError) as caught:
        LocalServer("tiny", ServerOptions(**options))
    assert options.get("api_key", "\0") not in str(caught.value)


def test_two_servers_that_start_together_do_not_share_a_port() -> None:
    # The first has its address, and does not serve yet.
    with (
        LocalServer("tiny", ServerOptions(port=0)) as first,
        pytest.raises(LLMConfigError, match="choose another port"),
    ):
        LocalServer("tiny", ServerOptions(port=first.port))


def test_a_server_runs_as_long_as_its_block() -> None:
    with LocalServer("tiny", ServerOptions(port=0)).running() as server:
        socket.create_connection((server.host, server.port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port))


def test_a_server_that_cannot_run_says_why_where_its_block_would_begin() -> None:
    server = LocalServer("tiny", ServerOptions(port=0))
    server.close()
    with pytest.raises(OSError, match="descriptor"), server.running():
        pytest.fail("the block began")


def test_an_unknown_model_leaves_the_port_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ModelNotFoundError):
        LocalServer("tinny", ServerOptions(port=port))
    socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_server_gracefully(number: int) -> None:
    code = "from local_llm_kit.server import serve; serve('tiny', port=0)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        url = next(word for word in line.split() if word.startswith("http://"))
        sock = connect(url)
        sock.sendall(request(url, CHAT, {"messages": HELLO, "stream": True, "temperature": 0}))
        first = sock.recv(1)
        process.send_signal(number)
        assert b"[DONE]" in first + read(sock).body
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
