"""Running the server: its address, its model, its end."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import ipaddress
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import fields
from types import FrameType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp

from LLM.exceptions import LLMConfigError
from local_llm_kit.arguments import Defaults
from local_llm_kit.catalog import Catalog
from local_llm_kit.load_options import LoadOptions
from local_llm_kit.server import page
from local_llm_kit.server.access_log import show_access_log
from local_llm_kit.server.app import create_app
from local_llm_kit.server.connection import Connection
from local_llm_kit.server.guard import Access, Guard
from local_llm_kit.server.options import ServerOptions, api_keys
from local_llm_kit.server.served_models import ServedModels
from local_llm_kit.server.service import Service
from local_llm_kit.settings import API_KEY_VARIABLE

_KEEP_ALIVE_S = 30
_BACKLOG = 2048
_TICK_S = 0.05
#: Seconds that the errors of what was running at the end have to reach their clients.
_FAREWELL_S = 1.0


class LocalServer:
    """A server that holds its address and its model and is ready to run.

    Close it, or use it in a ``with`` block, where `run` may never be called.

    :param model: as for `LLMClient`; None takes its default.
    :raises LLMConfigError: the address or the key cannot be used. Nothing was started.
    :raises ModelNotFoundError: there is no such model.
    """

    def __init__(
        self,
        model: str | None = None,
        options: ServerOptions | None = None,
        load: LoadOptions | None = None,
    ) -> None:
        options, load = options or ServerOptions(), load or LoadOptions()
        keys = api_keys(options)
        address = _resolve(options.host, options.port)
        is_local = ipaddress.ip_address(address[1][0].partition("%")[0]).is_loopback
        if not keys and not is_local:
            raise LLMConfigError(
                f"{options.host!r} can be reached from other machines, and there is no API key; "
                f"give one (--api-key-file or {API_KEY_VARIABLE}) or listen on 127.0.0.1"
            )
        # Beyond this machine the names are not known here, and the key stands guard.
        any_host = bool(keys) and not is_local and not options.allowed_hosts
        hosts = None if any_host else frozenset((options.host, *options.allowed_hosts))
        guard = Guard(Access(keys, hosts, page.open_paths(), tuple(options.cors_origins)))
        self._socket = _bind(address, options)
        self._catalog = Catalog(model, load, Defaults())
        try:
            self._catalog.lease(None).release()
            models = ServedModels(
                self._catalog, options.models, options.aliases, options.strict_model
            )
            for name in options.models:
                self._catalog.find(name)  # now, so that no request ever starts a download
            self._catalog.download_no_more()
            self._service = Service(self._catalog, models, load.max_queue)
            app = create_app(self._service, guard, logs_requests=options.log_requests)
            self._server = _Server(_config(app, options), self._service, options.grace_s)
        except BaseException:
            self._socket.close()
            self._catalog.close()
            raise
        self.host, self.port = self._socket.getsockname()[:2]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where it listens, without ``/v1``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def catalog(self) -> Catalog:
        """The models that it serves."""
        return self._catalog

    def run(self, ready: Callable[[str], None] | None = None) -> None:
        """Serve until `stop`, SIGINT or SIGTERM; then give everything back.

        :param ready: called with the address once it listens.
        """
        self._server.on_ready = None if ready is None else lambda: ready(self.url)
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.close()

    def stop(self) -> None:
        """Ask a running server to end, from any thread."""
        self._server.should_exit = True

    def close(self) -> None:
        """Give the address and the models back; repeatable. `stop` one that runs first."""
        self._socket.close()
        self._service.close()


def _config(app: ASGIApp, options: ServerOptions) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        # After that uvicorn cancels, with a traceback each; by then our streams have ended.
        timeout_graceful_shutdown=int(options.grace_s) + 5,
    )


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it listens and ends streams within a bound."""

    def __init__(self, config: uvicorn.Config, service: Service, grace_s: float) -> None:
        super().__init__(config)
        self.on_ready: Callable[[], None] | None = None
        self._service = service
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
        await asyncio.to_thread(self._service.close)
        end = time.monotonic() + _FAREWELL_S
        while self.server_state.tasks and time.monotonic() < end:
            await asyncio.sleep(_TICK_S)
        # Those who do not read their answer, or still send, are left like clients that have gone.
        for connection in list(self.server_state.connections):
            connection.transport.abort()

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


def serve(
    model: str | None = "tiny", *, ready: Callable[[str], None] | None = None, **settings: Any
) -> None:
    """Serve a model over the OpenAI API until SIGINT or SIGTERM.

    Prints one line with the address on standard error once it listens. What is wrong with the
    settings is raised before anything is started.

    :param model: as for `LLMClient`.
    :param ready: called with the address once the server listens.
    :param settings: fields of `ServerOptions` and of `LoadOptions` by their names, the latter's
        `host` as `ollama_host`.
    :raises LLMConfigError: a setting cannot work, the port is in use, a package is missing.
    :raises ModelNotFoundError: there is no such model.
    """
    options, load = _sorted_out(settings)
    server = LocalServer(model, options, load)
    if options.log_requests:
        show_access_log()

    def announce(url: str) -> None:
        name = server.catalog.info.name
        sys.stderr.write(f"serving {name!r} at {url} (OpenAI API: {url}/v1)\n")
        sys.stderr.flush()
        if ready is not None:
            ready(url)

    server.run(announce)


def _sorted_out(settings: Mapping[str, Any]) -> tuple[ServerOptions, LoadOptions]:
    """Settings by where they belong."""
    server = {one.name: one.name for one in fields(ServerOptions)}
    load = {one.name: one.name for one in fields(LoadOptions)}
    load["ollama_host"] = load.pop("host")  # the server's own address is the nearer meaning
    for name in settings:
        if name not in server and name not in load:
            near = difflib.get_close_matches(name, [*server, *load], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise LLMConfigError(f"there is no setting {name!r}{hint}")
    return (
        ServerOptions(**{server[name]: settings[name] for name in settings if name in server}),
        LoadOptions(**{load[name]: settings[name] for name in settings if name in load}),
    )
