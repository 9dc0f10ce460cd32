"""Calls of the provider clients, the same for both twins."""

from __future__ import annotations

import asyncio
import json
import pickle
import random
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from cloud.llm import (
    AsyncOpenAICompatClient,
    InvalidRequestError,
    LLMContentFilterError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    OpenAICompatClient,
    ToolCall,
)
from LLM import RetryPolicy
from tests.cloud.clients.twins import BUSY, CHAT, HELLO, run, sent
from tests.remote import wire
from tests.remote.scripted_server import hang

pytestmark = pytest.mark.slow


class City(BaseModel):
    name: str


def test_a_call_sends_what_it_was_given(make: Any, serve: Any) -> None:
    server = serve(CHAT)
    make(server).chat(HELLO, "m", system="Be kind.", temperature=0.0, max_tokens=0, top_p=0.5)
    assert sent(server) == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be kind."}, *HELLO],
        "temperature": 0.0,
        "max_tokens": 0,
        "top_p": 0.5,
    }


def test_bad_arguments_are_refused_before_anything_is_sent(make: Any, serve: Any) -> None:
    server = serve(CHAT)
    for arguments in ({"temperature": 9}, {"tool_choice": 5}, {"timeout": -1}):
        with pytest.raises(InvalidRequestError):
            make(server).chat(HELLO, **arguments)
        with pytest.raises(InvalidRequestError):
            make(server).twin.events(HELLO, **arguments)
        with pytest.raises(InvalidRequestError):
            make(server).twin.chat_stream(HELLO, **arguments)
    assert server.connections == 0


def test_passing_troubles_are_tried_again_with_jitter(
    make: Any, serve: Any, sleeps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(BUSY, BUSY, CHAT)
    random.seed(1)
    client = make(server, max_retries=2, retry_delay=2.0)
    assert client.chat(HELLO).content == "Hello!"
    assert len(sleeps) == 2
    assert 1.5 <= sleeps[0] <= 2.0
    assert 3.0 <= sleeps[1] <= 4.0
    assert len(set(server.bodies)) == 1


def test_a_policy_of_ones_own_decides(make: Any, serve: Any, sleeps: list[float]) -> None:
    server = serve(BUSY)
    client = make(server, retry_policy=RetryPolicy(max_retries=1, base_delay=7.0))
    with pytest.raises(LLMServerError, match="tried 2 times"):
        client.chat(HELLO)
    assert sleeps == [7.0]


def city(content: str, finish: str = "stop") -> list[bytes]:
    """An answer, whole and streamed."""
    message = {"role": "assistant", "content": content}
    choices = [{"index": 0, "message": message, "finish_reason": finish}]
    events = wire.event(wire.chunk(content, finish)) + wire.DONE
    return [wire.answer({**wire.CHAT, "choices": choices}), wire.stream_answer(events)]


def test_a_pydantic_class_gives_its_object(make: Any, serve: Any) -> None:
    client = make(serve(*city('{"name": "Rome"}')))
    assert client.chat(HELLO, response_format=City).parsed == City(name="Rome")
    stream = client.twin.events(HELLO, response_format=City)
    assert client.done(stream.response).parsed == City(name="Rome")


@pytest.mark.parametrize(
    ("content", "finish", "error"),
    [
        ('{"town": "Rome"}', "stop", LLMResponseError),
        ('{"name": "Ro', "length", LLMResponseError),
        ("", "content_filter", LLMContentFilterError),
    ],
    ids=["misfit", "cut", "filtered"],
)
def test_an_answer_that_is_no_such_object_names_who_gave_it(
    make: Any, serve: Any, content: str, finish: str, error: type[LLMError]
) -> None:
    client = make(serve(*city(content, finish)), model="m")
    with pytest.raises(error) as whole:
        client.chat(HELLO, response_format=City)
    with pytest.raises(error) as streamed:
        client.all(client.twin.events(HELLO, response_format=City))
    for caught in (whole.value, streamed.value):
        assert (caught.provider or "").startswith("127.0.0.1:")
        assert caught.model == "m"


def test_a_conversation_with_a_tool_goes_round(make: Any, serve: Any) -> None:
    call = ToolCall("call_1", "get_weather", {"city": "Rome"})
    message = {"role": "assistant", "content": None, "tool_calls": [call.to_openai()]}
    choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    server = serve(wire.answer({**wire.CHAT, "choices": choices}), CHAT)
    client = make(server)
    response = client.chat(HELLO, tools=[{"name": "get_weather"}])
    result = {"role": "tool", "content": {"celsius": 18}, "tool_call_id": call.id}
    client.chat([*HELLO, response.to_message(), result])
    assert sent(server)["messages"][1:] == [message, {**result, "content": '{"celsius":18}'}]


def test_errors_survive_a_copy_with_all_their_facts(make: Any, serve: Any) -> None:
    refusal = wire.answer({"error": {"message": "no", "code": "c"}}, 429, [("retry-after", "7")])
    with pytest.raises(LLMRateLimitError) as caught:
        make(serve(refusal)).chat(HELLO)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.args, vars(again)) == (caught.value.args, vars(caught.value))
    assert again.retry_after == 7.0


def test_a_closed_client_can_be_used_again(make: Any, serve: Any) -> None:
    server = serve(CHAT)
    client = make(server)
    client.chat(HELLO)
    client.done(client.twin.close())
    client.chat(HELLO)
    assert server.connections == 1


def test_leaving_a_block_leaves_the_connections_open(serve: Any) -> None:
    server = serve(CHAT)
    with OpenAICompatClient(base_url=server.url) as client:
        client.chat(HELLO)
    with OpenAICompatClient(base_url=server.url, api_key="another") as client:
        client.chat(HELLO)
    assert server.connections == 1


def test_a_cancelled_call_ends_its_connection(serve: Any) -> None:
    server = serve([hang], CHAT)

    async def cancel() -> str:
        client = AsyncOpenAICompatClient(base_url=server.url)
        task = asyncio.create_task(client.chat(HELLO))
        while not server.requests:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await client.chat(HELLO)).content

    assert run(cancel()) == "Hello!"
    assert server.connections == 2


def test_many_calls_at_once_get_each_its_answer(serve: Any) -> None:
    def echo(request: Any) -> bytes:
        said = json.loads(request.body)["messages"][0]["content"]
        choices = [{"index": 0, "message": {"role": "assistant", "content": said}}]
        return wire.answer({**wire.CHAT, "choices": choices})

    server = serve(echo)

    async def ask() -> list[str]:
        client = AsyncOpenAICompatClient(base_url=server.url)
        calls = [client.chat([{"role": "user", "content": str(n)}]) for n in range(50)]
        return [response.content for response in await asyncio.gather(*calls)]

    assert run(ask()) == [str(n) for n in range(50)]


def test_a_failure_prints_nothing_where_no_logging_is_set_up() -> None:
    code = (
        "from cloud.llm import LLMError, OpenAICompatClient\n"
        "client = OpenAICompatClient(base_url='http://127.0.0.1:9', max_retries=0)\n"
        "try: client.chat([{'role': 'user', 'content': 'Hello!'}])\n"
        "except LLMError as err: print(type(err).__name__)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("LLMConnectionError\n", "")
