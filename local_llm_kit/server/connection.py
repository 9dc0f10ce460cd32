"""uvicorn's connection, with limits on what a client may keep open.

uvicorn waits without end for a client's headers and for a client that does not read its answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from pydantic_core import to_json
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from local_llm_kit.server.errors import error_body
from local_llm_kit.server.parser import Parser

HEADER_TIMEOUT_S = 15.0
WRITE_TIMEOUT_S = 30.0
#: Seconds that the rest of a body may still take to come when its request has been answered.
LINGER_S = 2.0
MAX_HEADER_BYTES = 64 << 10
#: Of a body, beside its content: sizes of chunks, their extensions, trailers.
MAX_FRAMING_BYTES = 1 << 20
#: Requests that one client may have sent without waiting for their answers; they take memory.
MAX_PIPELINED = 128
#: Connections open at once; a process may usually have 1,024 files open.
MAX_CONNECTIONS = 800


class Connection(HttpToolsProtocol):
    """One client's connection."""

    _header_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _linger_timer: asyncio.TimerHandle | None = None
    _reads_body = False
    _n_overhead_bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Expect a request within the time for headers."""
        super().connection_made(transport)
        self.parser: Parser = Parser(self)
        self._cycles: deque[Any] = deque()
        self._expect_headers()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self._stop_header_timer()
        self._stop_write_timer()
        self._stop_linger_timer()
        super().connection_lost(exc)
        # uvicorn tells the newest request, which with pipelining is not the one that runs.
        for cycle in self._cycles:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Read on, while what is around the body is not too long."""
        self._n_overhead_bytes += len(data)
        super().data_received(data)
        if self._header_timer is not None and self._n_overhead_bytes > MAX_HEADER_BYTES:
            self.send_400_response(f"the headers are longer than {MAX_HEADER_BYTES:,} bytes")
        elif self._reads_body and self._n_overhead_bytes > MAX_FRAMING_BYTES:
            message = f"the body has more than {MAX_FRAMING_BYTES:,} bytes around its content"
            self.send_400_response(message)

    def on_message_begin(self) -> None:
        """Start the clock of a request's headers."""
        self._expect_headers()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header. What comes after the body is none: uvicorn would take it for one."""
        if not self._reads_body:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._n_overhead_bytes -= len(body)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Stop it, and note who must hear when the client leaves."""
        self._stop_header_timer()
        self._reads_body = True
        super().on_headers_complete()
        while self._cycles and self._cycles[0].response_complete:
            self._cycles.popleft()
        self._cycles.append(self.cycle)
        if len(self._cycles) > MAX_PIPELINED:
            self.transport.abort()
        # While a request waits for its turn uvicorn does not read, and so sees nobody leave.
        self.flow.resume_reading()

    def on_message_complete(self) -> None:
        """All of a request is here, or the parser takes it for that."""
        if not self.parser.leaves_body():
            self.on_body_complete()

    def on_body_complete(self) -> None:
        """All of a request is here."""
        self._reads_body = False
        self._n_overhead_bytes = 0
        self._stop_linger_timer()
        super().on_message_complete()

    def on_malformed(self) -> None:
        """What has come is no request."""
        self.send_400_response("this is no HTTP request")

    def on_response_complete(self) -> None:
        """Drop a client that goes on sending the body of what was answered, a refusal mostly."""
        super().on_response_complete()
        if self._reads_body and self.cycle.response_complete:
            self._linger_timer = self.loop.call_later(LINGER_S, self.transport.abort)

    def pause_writing(self) -> None:
        """The client reads more slowly than we write: give it some time."""
        super().pause_writing()
        self._stop_write_timer()
        self._write_timer = self.loop.call_later(WRITE_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read on."""
        self._stop_write_timer()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are no request, in the shape of all our errors."""
        body = to_json(error_body(msg, "invalid_request_error", None, "bad_request"))
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self._stop_header_timer()
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    @property
    def _is_idle(self) -> bool:
        """Whether nothing is computed for this client: it asks nothing, or is still asking."""
        return self._reads_body or all(cycle.response_complete for cycle in self._cycles)

    def _make_room(self) -> None:
        """Drop a connection on which nobody asks anything: who does ask finds a place."""
        others = (one for one in self.connections if one is not self)
        idle = next((one for one in others if isinstance(one, Connection) and one._is_idle), self)
        idle.transport.abort()

    def _expect_headers(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_TIMEOUT_S, self.transport.abort)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _stop_linger_timer(self) -> None:
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
