"""What a long answer costs grows with its length, not with its square."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from LLM import LLMError
from tests.remote import wire
from tests.remote.conftest import MESSAGES
from tests.remote.scripted_server import close

pytestmark = [pytest.mark.slow, pytest.mark.measured]

LOGPROB = {"token": "x", "logprob": -0.1}

STREAMS: dict[str, Callable[[int], Any]] = {
    "text": lambda n: wire.chunk("x"),
    "refusals": lambda n: wire.chunk(refusal="x"),
    "tool-calls-with-index": lambda n: wire.chunk(tool_calls=[{"index": n, "id": f"{n}"}]),
    "tool-calls-without-index": lambda n: wire.chunk(tool_calls=[{"id": f"{n}"}]),
    "one-tool-call": lambda n: wire.chunk(tool_calls=[{"function": {"arguments": "x"}}]),
    "function-call": lambda n: wire.chunk(function_call={"arguments": "x"}),
    "unknown-text": lambda n: wire.chunk(reasoning_content="x"),
    "unknown-names": lambda n: wire.chunk(**{f"name_{n}": "x"}),
    "choices": lambda n: wire.chunk("x", index=n),
    "logprobs": lambda n: {
        "choices": [{"index": 0, "delta": {}, "logprobs": {"content": [LOGPROB]}}]
    },
    "comments": lambda n: None,
}


@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)
def test_cost_of_a_stream_is_linear_in_its_length(serve, client, make):
    def cpu_s(length: int) -> float:
        events = [wire.event(p) if (p := make(n)) else b": x\n\n" for n in range(length)]
        body = wire.event(wire.chunk("x")) + b"".join(events) + wire.DONE
        llm = client(serve([wire.UNTIL_CLOSE + body, close]), timeout=60)
        start = time.thread_time()
        assert llm.chat_completion(MESSAGES, stream=True).response
        return time.thread_time() - start

    assert cpu_s(20_000) < 4.0


BODIES: dict[str, Callable[[int], bytes]] = {
    "brackets": lambda n: b"[" * n,
    "open-objects": lambda n: b'{"{"{' * n,
    "quotes": lambda n: b'"' * n,
    "escapes": lambda n: b'"' + b"\\ud83d" * n,
    "backslashes": lambda n: b'"\\u' + b"\\" * n,
    "surrogates-in-error": lambda n: b'{"error": "' + b"\\ud83d" * n + b'"}',
    "model-text": lambda n: b'{"error": {"message": "' + b"model " * n + b'"}}',
    "spaces": lambda n: b" " * n,
    "lines": lambda n: b"{\n" * n,
    "stray-errors": lambda n: b'error\n{"x":\n' * n,
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("make", BODIES.values(), ids=BODIES)
def test_cost_of_a_broken_body_is_small(serve, client, make, status, stream):
    llm = client(serve(wire.answer(make(200_000), status)), timeout=60)
    start = time.thread_time()
    with pytest.raises(LLMError):
        list(llm.chat_completion(MESSAGES, stream=stream))
    assert time.thread_time() - start < 1.0
