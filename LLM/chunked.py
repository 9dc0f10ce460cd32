"""HTTP/1.1 chunked transfer coding as a pure decoder: bytes in, body bytes out.

The standard library reads a chunked body with four calls a chunk, which costs more than parsing
the JSON inside it. This decoder takes whatever one socket read gave and unwraps every chunk in it.

Invariant between calls: either `_left` bytes of the current chunk are still to come, or `_framing`
holds the bytes of an incomplete framing line (never longer than a line may be); `_after_chunk` says
whether that line begins with the line end of the chunk before.

Source: RFC 9112, section 7.1.
"""

from __future__ import annotations

from functools import lru_cache

from LLM.connection_errors import broken_framing

_MAX_LINE_BYTES = 4096
_MAX_TRAILER_BYTES = 64 * 1024
_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")


class ChunkedDecoder:
    """Unwraps one chunked body; `done` turns True at its end, trailers included."""

    def __init__(self) -> None:
        self.done = False
        self._left = 0
        self._after_chunk = False
        self._in_trailers = False
        self._trailer_bytes = 0
        self._framing = b""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes off the wire.

        :return: the body bytes in them, maybe none. Bytes after the body's end are dropped.
        :raises LLMResponseError: the framing is broken.
        """
        if self._framing:
            data = self._framing + data
            self._framing = b""
        pieces: list[bytes] = []
        pos, size = 0, len(data)
        left = self._left
        while not self._in_trailers:
            if left:
                pieces.append(data[pos : pos + left])
                pos += left
                if pos > size:
                    left = pos - size
                    break
                left = 0
                self._after_chunk = True
            # A chunk's own line end goes with the next one's size.
            start = pos + 2 if self._after_chunk else pos
            end = data.find(b"\r\n", start)
            if self._after_chunk and data[pos:start] != b"\r\n"[: size - pos]:
                raise broken_framing()
            if end < 0:
                self._framing = data[pos:]
                if len(self._framing) > _MAX_LINE_BYTES:
                    raise broken_framing()
                break
            self._after_chunk = False
            left = _chunk_size(data[start:end])
            self._in_trailers = not left
            pos = end + 2
        self._left = left
        if self._in_trailers:
            self._framing = self._skip_trailers(data[pos:])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _skip_trailers(self, data: bytes) -> bytes:
        """Skip trailer lines up to the empty one. :return: the incomplete line at the end."""
        *lines, rest = data.split(b"\r\n")
        if b"" in lines:
            self.done = True
            lines, rest = lines[: lines.index(b"")], b""
        self._trailer_bytes += sum(map(len, lines))
        if self._trailer_bytes + len(rest) > _MAX_TRAILER_BYTES:
            raise broken_framing()
        return rest


@lru_cache(maxsize=1024)
def _chunk_size(line: bytes) -> int:
    """:return: the size on a chunk's first line, whose extensions are ignored."""
    # Cached because a stream's chunks have few sizes: a look-up costs a tenth of the checks.
    digits = line.split(b";", 1)[0].strip(b" \t")
    # int() alone would also take signs, underscores and prefixes; 16 digits are 64 bits. A line is
    # too long even where one read has all of it.
    is_size = 0 < len(digits) <= 16 and _HEX_DIGITS.issuperset(digits)
    if not is_size or len(line) > _MAX_LINE_BYTES:
        raise broken_framing()
    return int(digits, 16)
