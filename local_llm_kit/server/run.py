"""Running the server: its address, its model, its end."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from types import FrameType

import uvicorn

from LLM.exceptions import LLMConfigError
from local_llm_kit.backends import Backend
from local_llm_kit.loading import LoadOptions, load_model
from local_llm_kit.server.app import create_app
from local_llm_kit.server.connection import Connection

API_KEY_VARIABLE = "LOCAL_LLM_KIT_API_KEY"
#: Seconds that running streams have to finish once the server is told to stop.
GRACE_S = 10.0
_KEEP_ALIVE_S = 30
_MAX_KEY_CHARS = 1024
_BACKLOG = 2048
_TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where and for whom to serve.

    :param host: address to listen on.
    :param port: 0 takes a free one.
    :param api_key: the key that requests must carry. Default: ``LOCAL_LLM_KIT_API_KEY``, else
        none, which only a loopback address allows.
    :param aliases: further names of the model.
    :param strict_model: answer only to the model's names. Otherwise every name is answered by the
        one model, and the answer's `model` says which it is.
    :param grace_s: seconds that running streams have to finish at the end.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    api_key: str | None = None
    aliases: Sequence[str] = ()
    strict_model: bool = False
    grace_s: float = GRACE_S


class LocalServer:
    """A server that holds its address and its model and is ready to run.

    :param model: as for `LLMClient`.
    :raises LLMConfigError: the address or the key cannot be used. Nothing was started.
    :raises ModelNotFoundError: there is no such model.
    """

    def __init__(self, model: str, options: ServerOptions, load: LoadOptions | None = None) -> None:
        api_key = options.api_key or os.environ.get(API_KEY_VARIABLE) or None
        _check_key(api_key)
        address = _resolve(options.host, options.port)
        is_local = ipaddress.ip_address(address[1][0].partition("%")[0]).is_loopback
        if api_key is None and not is_local:
            raise LLMConfigError(
                f"{options.host!r} can be reached from other machines, and there is no API key; "
                f"give one (--api-key or {API_KEY_VARIABLE}) or listen on 127.0.0.1"
            )
        self._socket = _bind(address, options)
        try:
            self._model = load_model(model, load or LoadOptions())
        except BaseException:
            self._socket.close()
            raise
        # Beyond this machine the names are not known here, and the key stands guard.
        hosts = None if api_key is not None and not is_local else [options.host]
        app = create_app(
            self._model,
            api_key=api_key,
            hosts=hosts,
            aliases=options.aliases,
            strict_model=options.strict_model,
        )
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(options.grace_s) + 5,
        )
        self._server = _Server(config, self._model, options.grace_s)
        self.host, self.port = self._socket.getsockname()[:2]

    @property
    def url(self) -> str:
        """Where it listens, without ``/v1``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def model(self) -> Backend:
        """The model that it serves."""
        return self._model

    def run(self, ready: Callable[[str], None] | None = None) -> None:
        """Serve until `stop`, SIGINT or SIGTERM; then give everything back.

        :param ready: called with the address once it listens.
        """
        self._server.on_ready = None if ready is None else lambda: ready(self.url)
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
            self._model.close()

    def stop(self) -> None:
        """Ask a running server to end, from any thread."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it listens and ends streams within a bound."""

    def __init__(self, config: uvicorn.Config, model: Backend, grace_s: float) -> None:
        super().__init__(config)
        self.on_ready: Callable[[], None] | None = None
        self._model = model
        self._grace_s = grace_s
        self._hurries = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self.on_ready is not None:
            self.on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let streams finish; those that have not in time end with an error of their own."""
        ending = asyncio.create_task(self._end_streams())
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()

    async def _end_streams(self) -> None:
        end = time.monotonic() + self._grace_s
        while time.monotonic() < end and not self._hurries:
            await asyncio.sleep(_TICK_S)
        await asyncio.to_thread(self._model.close)
        if self._hurries:
            await asyncio.sleep(_TICK_S)  # the error events are on their way
            self.force_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle signals while serving; unlike uvicorn's, do not raise them again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gently; asked twice, at once."""
        # Not force_exit at once: uvicorn would cancel the streams, with a traceback for each.
        self._hurries = self.should_exit
        self.should_exit = True


_Address = tuple[socket.AddressFamily, tuple[str, int]]


def _resolve(host: str, port: int) -> _Address:
    if not 0 <= port <= 65535:
        raise LLMConfigError(f"port is {port!r}; give one from 0 (any free one) to 65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as err:
        raise LLMConfigError(
            f"host is {host!r}, which is no address of this machine: {err}"
        ) from err
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, (str(address[0]), port)


def _bind(address: _Address, options: ServerOptions) -> socket.socket:
    family, place = address
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        # At once, not when the model is loaded: until then another server could take the port too.
        listener.listen(_BACKLOG)
    except OSError as err:
        listener.close()
        raise LLMConfigError(
            f"cannot listen on {options.host}:{options.port}: {err.strerror or err}; stop the "
            "program that uses it or choose another port (--port, 0 for a free one)",
            code="address_in_use",
        ) from err
    return listener


def _check_key(key: str | None) -> None:
    """Refuse a key that cannot be sent; it is never shown."""
    if key is not None and not (
        key.isascii() and key.isprintable() and " " not in key and len(key) <= _MAX_KEY_CHARS
    ):
        raise LLMConfigError(
            "the API key must be printable ASCII without spaces, at most "
            f"{_MAX_KEY_CHARS:,} characters"
        )


def serve(
    model: str = "tiny",
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    api_key: str | None = None,
    aliases: Sequence[str] = (),
    strict_model: bool = False,
    context_length: int | None = None,
    n_slots: int = 8,
    threads: int | None = None,
    max_queue: int = 256,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve a model over the OpenAI API until SIGINT or SIGTERM.

    Prints one line with the address on standard error once it listens. What is wrong with the
    settings is raised before anything is started.

    :param model: as for `LLMClient`.
    :param host: address to listen on; any but a loopback address needs a key.
    :param port: 0 takes a free one.
    :param api_key: default: ``LOCAL_LLM_KIT_API_KEY``.
    :param aliases: further names of the model.
    :param strict_model: refuse other names instead of answering them.
    :param context_length: window of a request in tokens; None takes the model's own.
    :param n_slots: requests that run at once.
    :param threads: threads of the computation; None takes one for small models, else one a core.
    :param max_queue: requests that may wait; more are answered with 429.
    :param ready: called with the address once the server listens.
    :raises LLMConfigError: a setting cannot work, the port is in use, a package is missing.
    :raises ModelNotFoundError: there is no such model.
    """
    server = LocalServer(
        model,
        ServerOptions(host, port, api_key, aliases, strict_model),
        LoadOptions(
            context_length=context_length, n_slots=n_slots, threads=threads, max_queue=max_queue
        ),
    )

    def announce(url: str) -> None:
        name = server.model.info.name
        sys.stderr.write(f"serving {name!r} at {url} (OpenAI API: {url}/v1)\n")
        sys.stderr.flush()
        if ready is not None:
            ready(url)

    server.run(announce)
