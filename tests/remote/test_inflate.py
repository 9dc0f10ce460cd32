"""Content encodings are undone in small steps, however they are cut, and never beyond their end."""

from __future__ import annotations

import gzip
import zlib

import pytest

from LLM.inflate import PIECE_BYTES, EncodingError, decoder_for

PLAIN = bytes(range(256)) * 2000
RAW_DEFLATE = zlib.compress(PLAIN)[2:-4]
CODED = {
    "gzip": ("gzip", gzip.compress(PLAIN)),
    "x-gzip": ("X-GZip", gzip.compress(PLAIN)),
    "two-members": ("gzip", gzip.compress(PLAIN[:99]) + gzip.compress(PLAIN[99:])),
    "trailing-zeros": ("gzip", gzip.compress(PLAIN) + bytes(100)),
    "trailing-text": ("gzip", gzip.compress(PLAIN) + b"and more"),
    "deflate": ("deflate", zlib.compress(PLAIN)),
    "deflate-without-header": ("deflate", RAW_DEFLATE),
    "deflate-and-more": ("deflate", zlib.compress(PLAIN) + b"more"),
    "twice": ("gzip, identity, deflate", zlib.compress(gzip.compress(PLAIN))),
}


def undo(encoding: str, data: bytes, size: int) -> bytes:
    decoder = decoder_for(encoding)
    assert decoder is not None
    pieces = [p for at in range(0, len(data), size) for p in decoder.feed(data[at : at + size])]
    decoder.finish()
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)
    return b"".join(pieces)


@pytest.mark.parametrize(("encoding", "data"), CODED.values(), ids=CODED)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000, 1 << 20])
def test_encodings_are_undone_however_they_are_cut(encoding: str, data: bytes, size: int) -> None:
    assert undo(encoding, data, size) == PLAIN


@pytest.mark.parametrize("name", ["gzip", "deflate", "twice", "two-members"])
def test_a_cut_body_is_told(name: str) -> None:
    encoding, data = CODED[name]
    with pytest.raises(EncodingError, match="cut short"):
        undo(encoding, data[: len(data) // 2], 1000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_is_not_encoded_is_told(encoding: str) -> None:
    with pytest.raises(EncodingError, match="broken"):
        undo(encoding, b"\xff" * 50, 50)


@pytest.mark.parametrize("encoding", [None, "", "identity", "Identity, "])
def test_nothing_is_undone_where_nothing_was_done(encoding: str | None) -> None:
    assert decoder_for(encoding) is None


def test_an_empty_body_has_no_end_to_miss() -> None:
    assert undo("gzip", b"", 1) == b""


@pytest.mark.parametrize("encoding", ["br", "gzip, zstd", ", ".join(["gzip"] * 6)])
def test_encodings_that_nobody_asked_for_are_refused(encoding: str) -> None:
    with pytest.raises(EncodingError):
        decoder_for(encoding)


def test_a_bomb_is_undone_step_by_step() -> None:
    decoder = decoder_for("gzip, gzip")
    assert decoder is not None
    bomb = gzip.compress(gzip.compress(bytes(64 << 20)))
    pieces = decoder.feed(bomb)
    assert sum(len(next(pieces)) for _ in range(10)) == 10 * PIECE_BYTES
