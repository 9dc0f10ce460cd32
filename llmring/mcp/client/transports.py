"""The ways to a server: a program that is started here, or streamable HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from LLM.environment import is_loopback
from LLM.secrets import scrub_text
from llmring.mcp.client import lines
from llmring.mcp.client.addresses import ServerAddress
from llmring.mcp.client.incoming import Incoming
from llmring.mcp.client.results import clean

if TYPE_CHECKING:
    import httpx2
    from mcp.client import Transport

_WINDOWS = (
    "APPDATA", "COMSPEC", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATH", "PATHEXT", "PROGRAMDATA",
    "PROGRAMFILES", "SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "TMP", "USERNAME", "USERPROFILE",
)  # fmt: skip
_POSIX = (
    "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ",
    "USER",
)  # fmt: skip
#: Variables of ours that a server's program gets; the rest may hold keys.
INHERITED = _WINDOWS if sys.platform == "win32" else _POSIX
#: Most bytes of an answer, and of an event of a stream.
MAX_ANSWER_BYTES = 32 * 2**20
MAX_EVENT_BYTES = 16 * 2**20
#: Seconds between the beginnings of two streams of a server's own messages.
STREAM_PAUSE_S = 0.5

_STDERR_LINES = 20
_STDERR_LINE_BYTES = 500
_END_OF_STDERR_S = 0.5


class Route:
    """A way to a server, and what it tells of failures.

    It is used in one event loop.

    :param on_break: is told why the way cannot be used any more.
    """

    def __init__(self, address: ServerAddress, on_break: Callable[[Exception], None]) -> None:
        self._address = address
        self._on_break = on_break
        self._stderr: _LastLines | None = None
        self._refusal: int | None = None
        self._next_stream_s = 0.0

    def transport(self) -> Transport:
        """The way, to be entered once, by the SDK."""
        return self._http() if self._address.url else self._stdio()

    @property
    def refusal(self) -> int | None:
        """The HTTP status of the last message, if the server refused it."""
        return self._refusal

    async def last_words(self) -> str:
        """What the server's program said last on its standard error, without keys; or nothing."""
        if self._stderr is None:
            return ""
        # Who ends says why at the same time; the pipe may be read a little later.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stderr.ended.wait(), _END_OF_STDERR_S)
        return clean(scrub_text(self._stderr.text(), self._address.secrets))

    @contextlib.asynccontextmanager
    async def _stdio(self) -> AsyncIterator[Any]:
        from mcp.client.stdio import StdioServerParameters, stdio_client

        address = self._address
        parameters = StdioServerParameters(
            command=address.command[0],
            args=list(address.command[1:]),
            env=environment(address),
            cwd=address.cwd,
            encoding=lines.bounded(self._overlong),
        )
        self._stderr = _LastLines()
        with contextlib.ExitStack() as stack:
            # The child has its own copy; ours would keep the pipe from ending.
            sink = stack.enter_context(open(self._stderr.write_end, "w", encoding="utf-8"))
            async with stdio_client(parameters, errlog=sink) as (incoming, outgoing):
                stack.close()
                yield Incoming(incoming), outgoing

    def _overlong(self) -> None:
        self._on_break(ValueError(f"it wrote a line of more than {lines.MAX_LINE_BYTES} bytes"))

    @contextlib.asynccontextmanager
    async def _http(self) -> AsyncIterator[Any]:
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        address = self._address
        headers = {name: "".join(value) for name, value in address.headers.items()}
        # What is compressed cannot be measured before it is unpacked.
        headers["Accept-Encoding"] = "identity"
        client = httpx2.AsyncClient(
            headers=headers,
            # A stream may be silent for long; calls have a deadline of their own.
            timeout=httpx2.Timeout(30.0, read=None),
            # A server on this machine is never reached through a proxy.
            trust_env=not is_loopback(urlsplit(address.url).hostname or ""),
            event_hooks={"request": [self._pace], "response": [self._check]},
        )
        async with (
            client,
            streamable_http_client(
                address.url, http_client=client, max_sse_event_size=MAX_EVENT_BYTES
            ) as (incoming, outgoing),
        ):
            yield Incoming(incoming), outgoing

    async def _pace(self, request: httpx2.Request) -> None:
        """Open streams one after the other: a server may end each at once, and ask for more."""
        if request.method == "GET":
            loop = asyncio.get_running_loop()
            pause_s = self._next_stream_s - loop.time()
            self._next_stream_s = max(loop.time(), self._next_stream_s) + STREAM_PAUSE_S
            await asyncio.sleep(max(pause_s, 0))

    async def _check(self, response: httpx2.Response) -> None:
        """Note a refusal, and bound the body before it is read."""
        import httpx2

        if response.request.method == "POST":
            self._refusal = response.status_code if response.status_code >= 400 else None
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise httpx2.DecodingError("the answer is compressed, which was not asked for")
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            response.stream = _bounded(response.stream)


def _bounded(stream: Any) -> Any:
    """The bytes of an answer, which end in an error past `MAX_ANSWER_BYTES`."""
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = MAX_ANSWER_BYTES
            async for piece in stream:
                left -= len(piece)
                if left < 0:
                    raise httpx2.StreamError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
                yield piece

        async def aclose(self) -> None:
            await stream.aclose()

    return Bounded()


def environment(address: ServerAddress, ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that a server's program gets: those that programs need, and its own.

    :param ours: this process's.
    """
    inherited = {name: ours[name] for name in INHERITED if name in ours}
    return inherited | {name: "".join(value) for name, value in address.env.items()}


class _LastLines:
    """The end of what a program writes to its standard error.

    A thread reads, since Windows has no pipes that an event loop could. It ends with the pipe: when
    the program has, and all that it started.
    """

    def __init__(self) -> None:
        read_end, self.write_end = os.pipe()
        self.ended = asyncio.Event()
        self._lines: deque[bytes] = deque(maxlen=_STDERR_LINES)
        self._loop = asyncio.get_running_loop()
        threading.Thread(
            target=self._read, args=(read_end,), name="llmring-mcp-stderr", daemon=True
        ).start()

    def text(self) -> str:
        return b"\n".join(self._lines).decode(errors="replace").strip()

    def _read(self, read_end: int) -> None:
        with open(read_end, "rb", buffering=_STDERR_LINE_BYTES) as pipe:
            while line := pipe.readline(_STDERR_LINE_BYTES):
                self._lines.append(line.rstrip())
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self.ended.set)
