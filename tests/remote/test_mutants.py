"""Right answers, cut at any byte and damaged at random: the right text, or one of our errors."""

from __future__ import annotations

import random

import pytest

from LLM import LLMError, LLMTimeoutError
from tests.remote import wire
from tests.remote.conftest import CALLS
from tests.remote.scripted_server import close

pytestmark = pytest.mark.slow

SPICE = [b"\r\n", b"\n\n", b"\0", b"\xff", b"data: ", b"{", b"}", b"]", b"9" * 30, b"-", b",", b'"',
         b"chunked", b"null", b"[DONE]", b"Content-Length: 1\r\n", b"event: error\n"]  # fmt: skip


def _until_close(kind: str) -> bytes:
    """The right answer without a length."""
    body = CALLS[kind].good.partition(b"\r\n\r\n")[2]
    if CALLS[kind].streamed:
        body = wire.CHAT_EVENTS if kind == "chat-stream" else wire.COMPLETION_EVENTS
    return wire.UNTIL_CLOSE + body


def _outcome(call, llm) -> str | None:
    """The text of the answer, or None for an error of ours; any other error gets through."""
    error = None
    try:
        answer = call.run(llm)
    except LLMError as err:
        error = err
    if error is not None:
        assert not isinstance(error, LLMTimeoutError)
        assert len(str(error).encode()) < 8192
        return None
    text = answer.text if hasattr(answer, "text") else answer.data[0].id
    text.encode()
    return text


@pytest.mark.parametrize("framing", ["framed", "until-close"])
@pytest.mark.parametrize("kind", CALLS)
def test_answer_cut_at_any_byte_is_right_or_an_error(kind, framing, serve, client):
    call = CALLS[kind]
    whole = call.good if framing == "framed" else _until_close(kind)
    cuts = range(0, len(whole), 1 if framing == "framed" else 3)
    server = serve(lambda request: [whole[: cuts[request.number]], close])
    llm = client(server, timeout=2.0)
    outcomes = {_outcome(call, llm) for _ in cuts}
    assert outcomes <= {None, "tiny" if kind == "models" else "Hello!"}
    assert None in outcomes


def _damaged(data: bytes, draw: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 5, 20])):
        start = draw.randrange(len(damaged) + 1)
        end = min(len(damaged), start + draw.choice([0, 1, 1, 3, 40]))
        piece = draw.choice([b"", b"", draw.randbytes(2), draw.choice(SPICE)])
        damaged[start:end] = piece
    return bytes(damaged)


@pytest.mark.parametrize("framing", ["framed", "until-close"])
@pytest.mark.parametrize("kind", CALLS)
def test_damaged_answer_never_escapes_our_errors(kind, framing, serve, client):
    call = CALLS[kind]
    whole = call.good if framing == "framed" else _until_close(kind)
    draw = random.Random(f"{kind} {framing}")
    server = serve(lambda request: [_damaged(whole, draw), close])
    llm = client(server, timeout=2.0)
    outcomes = [_outcome(call, llm) for _ in range(150)]
    assert None in outcomes
    assert set(outcomes) - {None}
