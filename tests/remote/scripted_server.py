"""A hostile HTTP server on loopback: raw sockets, one thread a connection, answers by a script.

It never sleeps: its pauses wait on an event that `close` sets, so it ends at once, and none of
them lasts longer than `MAX_WAIT_S`.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

#: Longest that any step of a script can take, in seconds.
MAX_WAIT_S = 10.0


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    #: Number of the request at this server, from 0.
    number: int
    #: Number of the connection that carried it, from 0.
    connection: int


class _Closed(Exception):
    """The script or the client ended the connection."""


@dataclass
class Connection:
    """One accepted connection, which steps of a script act upon."""

    sock: socket.socket
    stopping: threading.Event

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def wait(self, seconds: float) -> None:
        """A pause."""
        if self.stopping.wait(min(seconds, MAX_WAIT_S)):
            raise _Closed

    def close(self) -> None:
        raise _Closed

    def reset(self) -> None:
        """Close with RST: what the client has not read is lost."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Closed

    def hang(self) -> None:
        """Say nothing until the client leaves."""
        with contextlib.suppress(TimeoutError):
            while self.sock.recv(65536):
                continue
        raise _Closed


#: A step is bytes to send, or a function that acts on the connection.
Step = bytes | Callable[[Connection], None]
#: A script is bytes, a list of steps, or a function of the request that gives either.
Script = Any

close = Connection.close
reset = Connection.reset
hang = Connection.hang


def wait(seconds: float) -> Callable[[Connection], None]:
    """A pause between two steps."""
    return lambda connection: connection.wait(seconds)


def drip(pieces: Iterable[bytes] | bytes, gap_s: float = 0.02) -> Callable[[Connection], None]:
    """Send `pieces` (or single bytes) one by one, with pauses."""
    if isinstance(pieces, bytes):
        pieces = [pieces[i : i + 1] for i in range(len(pieces))]

    def run(connection: Connection) -> None:
        for piece in pieces:
            connection.send(piece)
            connection.wait(gap_s)

    return run


def flood(piece: bytes) -> Callable[[Connection], None]:
    """Send `piece` over and over until the client leaves or `MAX_WAIT_S` is over."""

    def run(connection: Connection) -> None:
        end = time.monotonic() + MAX_WAIT_S
        while time.monotonic() < end and not connection.stopping.is_set():
            connection.send(piece)
        raise _Closed

    return run


@dataclass
class ScriptedServer:
    """Answers its n-th request by the n-th script; the last script repeats.

    :param scripts: what to do with requests.
    :param on_connect: steps taken when a connection is accepted, before anything is read.
    :param record: keep the requests; without, only their number is kept.
    """

    scripts: tuple[Script, ...]
    on_connect: Script = ()
    record: bool = True
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._count = 0
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End every connection and thread."""
        self._stopping.set()
        # shutdown wakes a blocked accept, which close alone does not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(MAX_WAIT_S)
        for thread in self._threads:
            thread.join(MAX_WAIT_S)

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for request in self.requests]

    def drop_idle(self) -> None:
        """Close every connection from this side, as a server does with idle ones."""
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(MAX_WAIT_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                number = self.connections
                self.connections += 1
                self._open.add(sock)
            thread = threading.Thread(target=self._serve, args=(sock, number), daemon=True)
            with self._lock:
                self._threads = [t for t in self._threads if t.is_alive()]
                self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        connection = Connection(sock, self._stopping)
        try:
            self._run(self.on_connect, None, connection)
            for request in self._read_requests(sock, number):
                script = self.scripts[min(request.number, len(self.scripts) - 1)]
                self._run(script, request, connection)
        except (_Closed, OSError):
            pass
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _run(self, script: Script, request: Request | None, connection: Connection) -> None:
        if callable(script):
            script = script(request)
        for step in [script] if isinstance(script, bytes) else script:
            if callable(step):
                step(connection)
            else:
                connection.send(step)

    def _read_requests(self, sock: socket.socket, connection: int) -> Iterator[Request]:
        with sock.makefile("rb") as file:
            while line := file.readline(65536):
                method, path, _ = line.decode("latin-1").split(" ", 2)
                headers = {}
                while (line := file.readline(1 << 20)) not in (b"\r\n", b""):
                    name, _, value = line.decode("latin-1").partition(":")
                    name, value = name.strip().lower(), value.strip()
                    headers[name] = f"{headers[name]}, {value}" if name in headers else value
                body = file.read(int(headers.get("content-length", 0)))
                with self._lock:
                    request = Request(method, path, headers, body, self._count, connection)
                    self._count += 1
                    if self.record:
                        self.requests.append(request)
                yield request
