"""Running the server: its address, its model, its end."""

from __future__ import annotations

import contextlib
import difflib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any, Self

from LLM.exceptions import LLMConfigError
from local_llm_kit.arguments import Defaults
from local_llm_kit.catalog import Catalog
from local_llm_kit.load_options import LoadOptions
from local_llm_kit.server import page
from local_llm_kit.server.access_log import ACCESS_LOG
from local_llm_kit.server.address import bind, is_loopback, resolve, url_of
from local_llm_kit.server.app import create_app
from local_llm_kit.server.guard import Access, Guard
from local_llm_kit.server.http_server import HTTPServer
from local_llm_kit.server.log_format import begin_logs, say
from local_llm_kit.server.options import ServerOptions, api_keys
from local_llm_kit.server.served_models import ServedModels
from local_llm_kit.server.service import Service
from local_llm_kit.settings import API_KEY_VARIABLE

_LOG = logging.getLogger("local_llm_kit.server")


class LocalServer:
    """A server that holds its address and its model and is ready to run.

    Close it, or use it in a ``with`` block, where `run` may never be called. One that is to serve
    beside other work is `running`::

        with LocalServer("tiny", ServerOptions(port=0)).running() as server:
            print(server.url)

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
        address = resolve(options.host, options.port)
        is_local = is_loopback(address)
        if not keys and not is_local:
            raise LLMConfigError(
                f"{options.host!r} can be reached from other machines, and there is no API key; "
                f"give one (--api-key-file or {API_KEY_VARIABLE}) or listen on 127.0.0.1"
            )
        # Beyond this machine the names are not known here, and the key stands guard.
        any_host = bool(keys) and not is_local and not options.allowed_hosts
        hosts = None if any_host else frozenset((options.host, *options.allowed_hosts))
        guard = Guard(Access(keys, hosts, page.open_paths(), tuple(options.cors_origins)))
        self._catalog = Catalog(model, load, Defaults())
        self._socket = bind(address, options.host)
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
            self._server = HTTPServer(app, self._service.close, options.grace_s)
        except BaseException:
            self._socket.close()
            self._catalog.close()
            raise
        self.host, self.port = self._socket.getsockname()[:2]
        self._url = url_of(self._socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where it listens, without ``/v1``."""
        return self._url

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

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Serve from a thread for as long as a ``with`` block lasts; then give everything back.

        The block begins when the server listens, and ends when it has ended.
        """
        listens = threading.Event()
        with ThreadPoolExecutor(1, "local-llm-kit serve") as thread:
            running = thread.submit(self.run, lambda _: listens.set())
            running.add_done_callback(lambda _: listens.set())
            listens.wait()
            try:
                if not running.done():
                    yield self
            finally:
                self.stop()
            running.result()  # raises what has ended it

    def stop(self) -> None:
        """Ask a running server to end, from any thread."""
        self._server.should_exit = True

    def close(self) -> None:
        """Give the address and the models back; repeatable. `stop` one that runs first."""
        self._socket.close()
        self._service.close()


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
    begin_logs(options.log_format, _LOG, ACCESS_LOG if options.log_requests else None)

    def announce(url: str) -> None:
        name = server.catalog.info.name
        say(f"serving {name!r} at {url} (OpenAI API: {url}/v1)", options.log_format, _LOG)
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
