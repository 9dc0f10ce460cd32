"""Calls and streams of the provider clients, the same for both twins."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from cloud import close_all_cloud_clients
from cloud.llm import (
    AsyncOpenAICompatClient,
    Finish,
    InvalidRequestError,
    LLMContentFilterError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    LLMTimeoutError,
    OpenAICompatClient,
    Start,
    TextDelta,
    ToolCall,
    UsageUpdate,
)
from LLM import RetryPolicy
from tests import worlds
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer, hang, wait

HELLO: Any = [{"role": "user", "content": "Hello!"}]
CHAT, STREAM = wire.answer(wire.CHAT), wire.stream_answer(wire.CHAT_EVENTS)
BUSY = wire.answer({"error": {"message": "busy"}}, 503)


class City(BaseModel):
    name: str


class Client:
    """Either twin, whose calls give their results at once."""

    def __init__(self, cls: Any, runner: asyncio.Runner, settings: dict[str, Any]) -> None:
        self.twin = cls(**settings)
        self._runner = runner

    def chat(self, *args: Any, **fields: Any) -> Any:
        return self.done(self.twin.chat(*args, **fields))

    def done(self, result: Any) -> Any:
        """A result, awaited where it must be."""
        if not inspect.isawaitable(result):
            return result

        async def wait_for() -> Any:
            return await result

        return self._runner.run(wait_for())

    def all(self, stream: Any) -> list[Any]:
        """Everything that a stream gives."""
        return self.first(stream, -1)

    def first(self, stream: Any, count: int) -> list[Any]:
        """What a stream gives first, `count` of it."""
        if not hasattr(stream, "__aiter__"):
            return (
                [item for _, item in zip(range(count), stream, strict=False)]
                if count >= 0
                else list(stream)
            )

        async def collect() -> list[Any]:
            found: list[Any] = []
            while len(found) != count:
                try:
                    found.append(await anext(stream))
                except StopAsyncIteration:
                    break
            return found

        return self._runner.run(collect())

    def close(self, stream: Any) -> None:
        self.done(stream.aclose() if hasattr(stream, "aclose") else stream.close())


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return worlds.record_sleeps(monkeypatch)


@pytest.fixture(params=[OpenAICompatClient, AsyncOpenAICompatClient], ids=["blocking", "async"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., Client]]:
    """Make a client: `make(server, max_retries=3)`. Without settings, it never tries again."""
    with asyncio.Runner() as runner:

        def client(server: ScriptedServer, **settings: Any) -> Client:
            settings = {"api_key": "sk-key-1234", "max_retries": 0, "timeout": 5.0, **settings}
            return Client(request.param, runner, {"base_url": server.url, **settings})

        yield client
        runner.run(close_all_cloud_clients())


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    servers: list[ScriptedServer] = []

    def start(*scripts: Any) -> ScriptedServer:
        servers.append(ScriptedServer(scripts))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def sent(server: ScriptedServer) -> dict[str, Any]:
    return json.loads(server.bodies[-1])


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


def test_a_stream_is_tried_again_before_its_first_event_alone(make: Any, serve: Any) -> None:
    broken = wire.stream_answer(wire.event(wire.chunk("Hel")) + wire.event({"error": "no"}))
    server = serve(BUSY, broken, STREAM)
    client = make(server, max_retries=3)
    stream = client.twin.chat_stream(HELLO)
    with pytest.raises(LLMError, match="an error inside: no"):
        client.all(stream)
    assert stream.text == "Hel"
    assert len(server.requests) == 2


def test_a_stream_asks_when_it_is_first_asked(make: Any, serve: Any) -> None:
    server = serve(STREAM)
    client = make(server)
    stream = client.twin.events(HELLO)
    assert server.connections == 0
    client.first(stream, 1)
    assert len(server.requests) == 1


def test_events_tell_all_in_order(make: Any, serve: Any) -> None:
    client = make(serve(STREAM))
    events = client.all(client.twin.events(HELLO))
    assert [type(event) for event in events] == [Start, TextDelta, TextDelta, Finish, UsageUpdate]
    assert events[1:4] == [TextDelta("Hel"), TextDelta("lo!"), Finish("stop")]


def test_the_answer_of_a_stream_is_the_whole_one(make: Any, serve: Any) -> None:
    client = make(serve(STREAM, CHAT))
    streamed = client.done(client.twin.chat_stream(HELLO).response)
    whole = client.chat(HELLO)
    whole.raw = None
    assert streamed == whole


def test_text_streams_tell_text_usage_and_answer(make: Any, serve: Any) -> None:
    client = make(serve(STREAM))
    stream = client.twin.chat_stream(HELLO)
    assert client.first(stream, 1) == ["Hel"]
    assert (stream.text, stream.usage) == ("Hel", None)
    assert client.all(stream) == ["lo!"]
    assert (stream.text, stream.usage.total_tokens) == ("Hello!", 5)
    assert client.done(stream.response).finish_reason == "stop"
    assert "TextStream ended, 6 characters so far" in repr(stream)


def test_a_stream_left_early_ends_its_connection(make: Any, serve: Any) -> None:
    server = serve([wire.CHUNKED + wire.chunked([wire.CHAT_EVENTS[:400]])[:-5], hang])
    client = make(server)
    stream = client.twin.chat_stream(HELLO)
    assert client.first(stream, 1) == ["Hel"]
    client.close(stream)
    assert client.all(stream) == []
    assert client.done(stream.response).content == "Hel"
    server.scripts = (CHAT,)
    assert client.chat(HELLO).content == "Hello!"
    assert server.connections == 2


def test_a_stream_that_is_dropped_ends_its_connection(make: Any, serve: Any) -> None:
    server = serve([wire.CHUNKED + wire.chunked([wire.CHAT_EVENTS[:400]])[:-5], hang], CHAT)
    client = make(server)
    stream = client.twin.events(HELLO)
    assert len(client.first(stream, 2)) == 2
    del stream
    gc.collect()
    assert client.chat(HELLO).content == "Hello!"
    assert server.connections == 2


def test_a_closed_stream_that_never_began_has_no_answer(make: Any, serve: Any) -> None:
    server = serve(STREAM)
    client = make(server)
    stream = client.twin.chat_stream(HELLO)
    client.close(stream)
    with pytest.raises(LLMResponseError, match="closed before any of the answer"):
        client.done(stream.response)
    assert server.connections == 0


def test_a_stream_says_where_its_answer_is(make: Any, serve: Any) -> None:
    client = make(serve(STREAM))
    with pytest.raises(AttributeError, match=r"\.response"):
        client.twin.events(HELLO).message  # noqa: B018  # asking is the test


def test_the_gap_of_a_stream_has_the_timeout_of_its_call(make: Any, serve: Any) -> None:
    server = serve([wire.UNTIL_CLOSE + wire.event(wire.chunk("Hel")), wait(5.0)])
    client = make(server)
    stream = client.twin.chat_stream(HELLO, timeout=0.6)
    with pytest.raises(LLMTimeoutError) as caught:
        client.all(stream)
    assert caught.value.deadline == "between_chunks"
    assert stream.text == "Hel"


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


def run(work: Any) -> Any:
    async def main() -> Any:
        result = await work
        await close_all_cloud_clients()
        return result

    return asyncio.run(main())


def test_leaving_a_block_early_ends_a_stream(serve: Any) -> None:
    server = serve(STREAM)

    async def leave() -> tuple[str, str]:
        async with AsyncOpenAICompatClient(base_url=server.url) as client:
            async with client.events(HELLO) as events:
                await anext(events)
                await anext(events)
            async with client.chat_stream(HELLO) as texts:
                first = await anext(texts)
            return events.text, first

    assert run(leave()) == ("Hel", "Hel")


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


def test_a_cancelled_stream_ends_its_connection(serve: Any) -> None:
    server = serve([wire.CHUNKED + wire.chunked([wire.CHAT_EVENTS[:400]])[:-5], hang], CHAT)

    async def cancel() -> tuple[str, str]:
        client = AsyncOpenAICompatClient(base_url=server.url)
        stream = client.chat_stream(HELLO)
        assert await anext(stream) == "Hel"
        task = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return stream.text, (await client.chat(HELLO)).content

    assert run(cancel()) == ("Hel", "Hello!")
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
