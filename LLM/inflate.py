"""Content encodings undone piece by piece, so that a small body cannot fill the memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

#: Most bytes that one step gives.
PIECE_BYTES = 64 * 1024

# RFC 9110 allows a list of encodings; nobody needs a long one.
_MAX_ENCODINGS = 5


class EncodingError(ValueError):
    """A body that is not what its Content-Encoding says."""


class Decoder(Protocol):
    """Takes encoded bytes and gives plain ones."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The plain bytes of `data`, in pieces of at most 64 KiB.

        :raises EncodingError: the data is broken.
        """
        ...

    def finish(self) -> None:
        """:raises EncodingError: the data ends too early."""
        ...


def decoder_for(encoding: str | None) -> Decoder | None:
    """What undoes the value of a Content-Encoding header; None when there is nothing to undo.

    :raises EncodingError: an encoding that was not asked for, or more than five.
    """
    names = [name.strip().lower() for name in (encoding or "").split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if len(names) > _MAX_ENCODINGS:
        raise EncodingError(f"{len(names)} content encodings; at most {_MAX_ENCODINGS} are undone")
    decoder: Decoder | None = None
    # They are listed in the order in which they were applied.
    for name in reversed(names):
        if name not in ("gzip", "x-gzip", "deflate"):
            raise EncodingError(f"content encoding {name[:20]!r} was not asked for")
        one = _Deflate() if name == "deflate" else _Gzip()
        decoder = one if decoder is None else _Chain(decoder, one)
    return decoder


class _Inflater:
    """Steps through one zlib stream after another."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._zlib = zlib.decompressobj(wbits)
        # Whether there is a beginning without an end.
        self._open = False

    def _steps(self, data: bytes) -> Iterator[bytes]:
        """Inflate `data` up to the end of the zlib stream."""
        while data:
            try:
                piece = self._zlib.decompress(data, PIECE_BYTES)
            except zlib.error as err:
                raise EncodingError(f"the compressed body is broken: {err}") from None
            self._open = not self._zlib.eof
            if piece:
                yield piece
            # At the end, zlib counts what follows as unconsumed, too.
            data = b"" if self._zlib.eof else self._zlib.unconsumed_tail
            if not data and len(piece) == PIECE_BYTES and not self._zlib.eof:
                # All was taken in, and more may wait inside.
                while piece := self._zlib.decompress(b"", PIECE_BYTES):
                    yield piece

    def finish(self) -> None:
        """:raises EncodingError: the end of the compressed data is missing."""
        if self._open:
            raise EncodingError("the compressed body is cut short")


class _Gzip(_Inflater):
    """RFC 1952: one member or several; what follows them and is none is left out."""

    def __init__(self) -> None:
        super().__init__(zlib.MAX_WBITS | 16)
        self._first = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and self._wbits:
            if self._zlib.eof:
                self._first = False
                self._zlib = zlib.decompressobj(self._wbits)
            try:
                yield from self._steps(data)
            except EncodingError:
                if self._first:
                    raise
                self._wbits, self._open = 0, False
            data = self._zlib.unused_data


class _Deflate(_Inflater):
    """RFC 9110 says zlib's format (RFC 1950); some servers send the bare RFC 1951."""

    def __init__(self) -> None:
        super().__init__(zlib.MAX_WBITS)
        self._first = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        if data and self._first and data[0] & 0x0F != zlib.DEFLATED:
            self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
        self._first = self._first and not data
        yield from self._steps(data)


class _Chain:
    """Two encodings, one over the other."""

    def __init__(self, outer: Decoder, inner: Decoder) -> None:
        self._outer = outer
        self._inner = inner

    def feed(self, data: bytes) -> Iterator[bytes]:
        for piece in self._outer.feed(data):
            yield from self._inner.feed(piece)

    def finish(self) -> None:
        self._outer.finish()
        self._inner.finish()
