"""The chunked decoder: the same body at every cut, and a clear error for broken framing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from LLM.chunked import ChunkedDecoder
from LLM.exceptions import LLMResponseError


def framed(*chunks: bytes, trailers: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n" + trailers + b"\r\n"


def decode(data: bytes, size: int) -> tuple[bytes, bool]:
    decoder = ChunkedDecoder()
    body = b"".join(decoder.feed(data[i : i + size]) for i in range(0, len(data), size))
    return body, decoder.done


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "data",
    [
        framed(b"hello", b" ", b"world\r\n"),
        framed(b"hello world\r\n", trailers=b"X-Sum: 1\r\nY: 2\r\n"),
        b"B;name=value\r\nhello world\r\n2 ; x\r\n\r\n\r\n0\r\n\r\n",
        b"00000D\r\nhello world\r\n\r\n0\r\n\r\n",
    ],
    ids=["chunks", "trailers", "extensions", "zeros"],
)
def test_the_body_is_the_same_at_every_cut(data: bytes, size: int) -> None:
    assert decode(data, size) == (b"hello world\r\n", True)


@given(st.lists(st.binary(min_size=1, max_size=40)), st.integers(min_value=1, max_value=60))
def test_any_body_survives_framing(chunks: list[bytes], size: int) -> None:
    assert decode(framed(*chunks), size) == (b"".join(chunks), True)


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1), st.data())
def test_a_body_cut_short_is_never_done(chunks: list[bytes], data: st.DataObject) -> None:
    whole = framed(*chunks)
    end = data.draw(st.integers(min_value=0, max_value=len(whole) - 1))
    assert decode(whole[:end], 1000)[1] is False


@pytest.mark.parametrize(
    "data",
    [b"xyz\r\n", b"-5\r\n", b"0x5\r\n", b"+5\r\n", b"1_0\r\n", b"\r\n", b"5\r\nhelloXX",
     b"f" * 17 + b"\r\n", b"5" * 5000, b"0\r\n" + b"a: b\r\n" * 20_000, "٣\r\n".encode(),
     b"5;" + b"e" * 5000 + b"\r\nhello\r\n", b"0\r\n" + b"a: bcdefgh\r\n" * 7000 + b"\r\n"],
    ids=["letters", "negative", "prefix", "plus", "underscore", "empty", "no-end", "huge",
         "endless-line", "endless-trailers", "unicode-digit", "long-extension", "long-trailers"],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 100_000])
def test_broken_framing_raises(data: bytes, size: int) -> None:
    with pytest.raises(LLMResponseError, match="chunked framing is broken"):
        decode(data, size)
