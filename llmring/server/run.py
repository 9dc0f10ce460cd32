"""Running the server: its address, its database, its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Self

from llmring import background
from llmring.conversations.opening import open_database
from llmring.exceptions import ConfigurationError
from llmring.server.access_log import ACCESS_LOG
from llmring.server.app import create_app
from llmring.server.options import (
    ADMIN_KEY_VARIABLE,
    ServerOptions,
    admin_key_of,
    database_of,
    own_errors,
)
from llmring.server.service import Service
from local_llm_kit.server.address import bind, is_loopback, resolve, url_of
from local_llm_kit.server.guard import Access, Guard
from local_llm_kit.server.http_server import HTTPServer
from local_llm_kit.server.log_format import begin_logs, say

_LOG = logging.getLogger("llmring.server")
#: What is added to the refusal of another site's page.
_NO_CORS = "; this server answers no other site's pages"


class RingServer:
    """A server that holds its address and its database, and is ready to run.

    Close it, or use it in a ``with`` block, where `run` may never be called.

    :raises ConfigurationError: the address, the database or a key cannot be used. Nothing was
        started.
    :raises StoreError: the database cannot be opened.
    """

    def __init__(self, options: ServerOptions | None = None) -> None:
        options = options or ServerOptions()
        admin_key = admin_key_of(options)
        with own_errors():
            address = resolve(options.host, options.port)
        is_local = is_loopback(address)
        self._database = open_database(database_of(options))
        try:
            background.run(self._database.prepare())
            makes_first_key = is_local and admin_key is None
            self._service = Service(self._database, admin_key, makes_first_key)
            has_keys = admin_key or background.run(self._service.keyring.rows.any())
            if not is_local and not has_keys:
                raise ConfigurationError(
                    f"{options.host!r} can be reached from other machines, and there is no key; "
                    f"set {ADMIN_KEY_VARIABLE}, which then makes keys, or listen on 127.0.0.1"
                )
            # Beyond this machine the names are not known here, and the keys stand guard.
            any_host = not is_local and not options.allowed_hosts
            hosts = None if any_host else frozenset((options.host, *options.allowed_hosts))
            app = create_app(
                self._service,
                Guard(Access(hosts=hosts, origin_advice=_NO_CORS)),
                logs_requests=options.log_requests,
                has_metrics=options.has_metrics,
            )
            self._server = HTTPServer(app, _nothing, options.grace_s)
            with own_errors():
                self._socket = bind(address, options.host)
        except BaseException:
            background.run(self._database.close())
            raise
        self.url = url_of(self._socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def where(self) -> str:
        """The database, for people, without its password."""
        return self._database.where

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
        """Give the address and the database back; repeatable. `stop` one that runs first."""
        self._socket.close()
        background.run(self._database.close())


def _nothing() -> None:
    """What is under way at the end are transactions, which end by themselves."""


def serve(options: ServerOptions | None = None, ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Prints one line with the address on standard error once it listens.

    :param ready: called with the address once the server listens.
    :raises ConfigurationError: a setting cannot work, the port is in use, a package is missing.
    :raises StoreError: the database cannot be opened.
    """
    options = options or ServerOptions()
    server = RingServer(options)
    begin_logs(options.log_format, _LOG, ACCESS_LOG if options.log_requests else None)

    def announce(url: str) -> None:
        say(f"serving {server.where} at {url}", options.log_format, _LOG)
        if ready is not None:
            ready(url)

    server.run(announce)
