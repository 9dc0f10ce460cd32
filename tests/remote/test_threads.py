"""One client, many threads: nobody gets another's answer, and every count is exact."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from LLM import UsageLimitError
from tests import worlds
from tests.remote import wire
from tests.remote.scripted_server import Request

#: Tasks have tests of their own, in test_tasks.py.
pytestmark = [worlds.blocking_only, pytest.mark.slow]

N_THREADS = 32
N_CALLS = 20


def _usage(request: Request) -> dict[str, int]:
    prompt = -(-len(request.body) // 4)
    wanted = json.loads(request.body).get("max_tokens", 7)
    return {"prompt_tokens": prompt, "completion_tokens": wanted, "total_tokens": prompt + wanted}


def echo(request: Request) -> bytes:
    """Answer with the request's own text, in whichever form it asks for."""
    if request.method == "GET":
        return wire.answer(wire.MODELS)
    fields = json.loads(request.body)
    usage = _usage(request)
    if "prompt" in fields:
        choice = {"index": 0, "text": fields["prompt"], "finish_reason": "stop"}
        return wire.answer({**wire.COMPLETION, "choices": [choice], "usage": usage})
    text = fields["messages"][-1]["content"]
    if not fields.get("stream"):
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return wire.answer({**wire.CHAT, "choices": [choice], "usage": usage})
    events = [wire.event(wire.chunk(piece)) for piece in text]
    events.append(wire.event(wire.chunk(finish="stop")))
    events.append(wire.event({**wire.chunk(), "choices": [], "usage": usage}))
    return wire.stream_answer(b"".join(events) + wire.DONE, 37)


def _in_threads(work: Callable[[int], Any]) -> list[Any]:
    """The results of `work`, begun in all threads at once."""
    barrier = threading.Barrier(N_THREADS)

    def start(n: int) -> Any:
        barrier.wait(10)
        return work(n)

    with ThreadPoolExecutor(N_THREADS) as pool:
        return list(pool.map(start, range(N_THREADS)))


def test_every_thread_gets_its_own_answers_and_counts_are_exact(serve, client):
    server = serve(echo)
    llm = client(server, timeout=30)

    def work(thread: int) -> int:
        tokens = 0
        for n in range(N_CALLS):
            text = f"{thread}-{n}"
            messages = [{"role": "user", "content": text}]
            if n % 5 == 0:
                answer = llm.completion(text)
            elif n % 5 == 1:
                with llm.chat_completion(messages, stream=True) as stream:
                    assert "".join(stream.iter_text()) == text
                answer = stream.response
            elif n % 5 == 2:
                with llm.chat_completion(messages, stream=True) as stream:
                    assert next(stream).choices[0].delta.content == text[0]
                continue
            elif n % 5 == 3:
                assert llm.list_models().data
                continue
            else:
                answer = llm.chat_completion(messages)
            assert answer.text == text
            tokens += answer.usage.total_tokens
        return tokens

    tokens = sum(_in_threads(work))
    assert llm.get_request_count() == N_THREADS * N_CALLS == len(server.requests)
    total = llm.usage.total
    assert total.calls == N_THREADS * N_CALLS * 4 // 5
    assert total.estimated_calls == N_THREADS * N_CALLS // 5
    assert llm.usage.by_model == {"gpt-4": total}
    assert total.total_tokens > tokens > 0
    assert server.connections < len(server.requests) / 2


def test_totals_of_many_threads_add_up_to_the_servers(serve, client):
    server = serve(echo)
    llm = client(server, timeout=30)

    def work(thread: int) -> None:
        for n in range(N_CALLS):
            messages = [{"role": "user", "content": f"{thread}-{n}" * n}]
            if n % 2:
                llm.chat_completion(messages, stream=True).response  # noqa: B018  # reads it
            else:
                llm.chat_completion(messages)

    _in_threads(work)
    expected = [_usage(request) for request in server.requests]
    assert llm.usage.total.prompt_tokens == sum(u["prompt_tokens"] for u in expected)
    assert llm.usage.total.completion_tokens == sum(u["completion_tokens"] for u in expected)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_threads_never_pass_the_token_limit_together(serve, client, stream):
    server = serve(echo)
    limit = 5000
    llm = client(server, max_total_tokens=limit, max_tokens=50, timeout=30)

    def work(thread: int) -> int:
        answered = 0
        for _ in range(N_CALLS):
            try:
                answer = llm.chat_completion([{"role": "user", "content": "xx"}], stream=stream)
                answered += bool(answer.response.text if stream else answer.text)
            except UsageLimitError:
                pass
        return answered

    answered = sum(_in_threads(work))
    each = _usage(server.requests[0])["total_tokens"]
    assert answered == len(server.requests) == limit // each
    assert llm.usage.total.total_tokens == answered * each <= limit


def test_failing_calls_of_many_threads_give_back_what_they_held(serve, client):
    llm = client(serve(wire.answer(b"", 500)), max_total_tokens=10_000, timeout=30)

    def work(thread: int) -> None:
        for n in range(N_CALLS):
            with pytest.raises(Exception, match="500"):
                llm.chat_completion([{"role": "user", "content": "x"}], stream=bool(n % 2))

    _in_threads(work)
    llm.usage.reserve(10_000)


def test_resetting_the_session_disturbs_no_call(serve, client):
    llm = client(serve(echo), timeout=30)
    done = threading.Event()

    def reset() -> None:
        while not done.wait(0.001):
            llm.reset_session()

    resetter = threading.Thread(target=reset)
    resetter.start()

    def work(thread: int) -> None:
        for n in range(N_CALLS // 2):
            text = f"{thread}-{n}"
            messages = [{"role": "user", "content": text}]
            assert llm.chat_completion(messages, stream=True).response.text == text
            assert llm.chat_completion(messages).text == text

    try:
        _in_threads(work)
    finally:
        done.set()
        resetter.join(10)
