"""Streams as the network cuts them: wherever it does, what is read is the same.

Decoders are held against plain ones, written anew from the specification, which have the whole
stream in their hands.
"""

from __future__ import annotations

import re

from cloud.llm.ollama.lines import LineDecoder
from fuzzing.draw import pieces
from fuzzing.target import Target
from LLM.chunked import ChunkedDecoder
from LLM.codec import ChunkDecoder, Source
from LLM.exceptions import LLMError, LLMResponseError
from LLM.sse import Event, SSEDecoder
from LLM.types import ChatCompletionChunk

_BOM = b"\xef\xbb\xbf"
_SIZE_LINE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?", re.DOTALL)
_MAX_LINE, _MAX_TRAILERS = 4096, 64 * 1024


def check_events(data: bytes) -> None:
    """Server-sent events, against the specification's own steps."""
    stream, cut = pieces(data)
    wanted = _events(stream)
    for given in ([stream], cut):
        decoder = SSEDecoder()
        found = [event for piece in given for event in decoder.feed(piece)] + decoder.close()
        assert found == wanted
    small = SSEDecoder(max_event_bytes=16)
    try:
        found = [event for piece in cut for event in small.feed(piece)]
    except LLMResponseError:
        return
    assert all(len(event) <= 16 for _, event in found), found


def _events(stream: bytes) -> list[Event]:
    """Source: WHATWG HTML, section 9.2.6; a last event may lack its empty line."""
    events: list[Event] = []
    data: list[bytes] = []
    name = b""
    for line in [*re.split(rb"\r\n|\r|\n", stream.removeprefix(_BOM)), b""]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            events += [(name, b"\n".join(data))] if data else []
            data, name = [], b""
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return events


def check_lines(data: bytes) -> None:
    """Lines of JSON, against splitting them in one go."""
    stream, cut = pieces(data)
    *wanted, last = stream.split(b"\n")
    decoder = LineDecoder()
    assert [line for piece in cut for line in decoder.feed(piece)] == wanted
    assert decoder.close() == last
    small = LineDecoder(max_line_bytes=16)
    try:
        found = [line for piece in cut for line in small.feed(piece)]
    except LLMResponseError:
        assert max(map(len, [*wanted, last])) > 16
        return
    assert found == wanted
    assert max(map(len, [*wanted, last])) <= 16


def check_chunked(data: bytes) -> None:
    """Chunked bodies, against a reader that has all of one."""
    stream, cut = pieces(data)
    wanted = _body(stream)
    for given in ([stream], cut):
        assert _decoded(given) == wanted


def _decoded(given: list[bytes]) -> tuple[bytes, bool] | None:
    decoder, body = ChunkedDecoder(), b""
    try:
        for piece in given:
            body += decoder.feed(piece)
            if decoder.done:
                break
    except LLMResponseError:
        return None
    return body, decoder.done


def _body(stream: bytes) -> tuple[bytes, bool] | None:
    """The body and whether it has ended; None where its framing is broken.

    Source: RFC 9112, section 7.1.
    """
    body, rest = b"", stream
    while True:
        line, end, after = rest.partition(b"\r\n")
        if len(line) > _MAX_LINE:
            return None
        if not end:
            return body, False
        found = _SIZE_LINE.fullmatch(line)
        if found is None:
            return None
        size = int(found[1], 16)
        if not size:
            return _trailers(body, after)
        body += after[:size]
        if len(after) < size + 2:
            return (body, False) if b"\r\n".startswith(after[size:]) else None
        if after[size : size + 2] != b"\r\n":
            return None
        rest = after[size + 2 :]


def _trailers(body: bytes, rest: bytes) -> tuple[bytes, bool] | None:
    n_bytes = 0
    while True:
        line, end, rest = rest.partition(b"\r\n")
        n_bytes += len(line)
        if n_bytes > _MAX_TRAILERS:
            return None
        if not end or not line:
            return body, bool(end)


def check_chunks(data: bytes) -> None:
    """A chat's stream, from bytes to typed chunks or an error of ours.

    It goes up to its end: what a server writes behind that is looked at where it has come along.
    """
    head, end, _ = data.partition(b"[DONE]")
    stream, cut = pieces(head + end + (b"\n\n" if end else b""))
    assert _chunks([stream]) == _chunks(cut)


def _chunks(given: list[bytes]) -> tuple[list[str], str, bool]:
    """The chunks up to an error, its class, and whether the stream has told its end."""
    decoder = ChunkDecoder(ChatCompletionChunk, 200, Source("fuzz", None, ()))
    found: list[str] = []
    try:
        for piece in given:
            for chunk in decoder.feed(piece):
                found.append(chunk.model_dump_json())  # noqa: PERF401  # kept up to an error
        if not decoder.done:
            for chunk in decoder.finish(lambda: False):
                found.append(chunk.model_dump_json())  # noqa: PERF401
    except LLMError as err:
        return found, type(err).__name__, decoder.done
    return found, "", decoder.done


_CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]}\n\n'
)
TARGETS = {
    "events": Target(
        check_events,
        (b"\0\0data: a\n\nevent: e\ndata: b\ndata: c\n\n", b"\1\7data:a\r\n\r\n:c\rid: 1\r\rdata",
         b"\1\3\n" + _BOM + b"data: a\n\n"),
        (b"data: ", b"event: ", b"\n\n", b"\r\n", b"\r", b"\n", b"data", b":", _BOM, b"id: 1"),
    ),
    "lines": Target(
        check_lines,
        (b'\0\0{"a": 1}\n{"b": "\xc2\x85"}\r\n\n{', b"\3\5no\nend", b"\2\2" + b"x" * 40),
        (b"\n", b"\r\n", b"{}"),
    ),
    "chunked": Target(
        check_chunked,
        (b"\0\0" + b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nTrailer: x\r\n\r\nmore",
         b"\2\3" + b"00A \r\n0123456789\r\n0\r\n\r\n", b"\0\0" + b"5\r\nhelloXX",
         b"\17\77" + b"5;" + b"e" * 5000 + b"\r\nhello\r\n0\r\n\r\n"),
        (b"\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n", b";", b"FFFFFFFFFFFFFFFF", b"+1", b"0x1"),
        max_bytes=8192,
    ),
    "chunks": Target(
        check_chunks,
        (b"\0\0" + _CHUNK + b"data: [DONE]\n\n", b"\5\0" + _CHUNK,
         b'\0\0data: {"error": {"message": "no", "code": 500}}\n\n',
         b'\0\0event: error\ndata: {"message": "no"}\n\n', b"\0\0<html>\n", b'\0\0{"error": "x"}'),
        (_CHUNK, b"data: [DONE]\n\n", b'{"error":', b"event: error\n", b"null", b"\\ud83d", b"[]",
         b'"choices":', b'"delta":', b'"tool_calls":', b'"usage":', b"1e999", b"NaN"),
    ),
}  # fmt: skip
