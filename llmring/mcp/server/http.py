"""Serving tools to MCP clients over streamable HTTP, on this machine.

A page that the user visits can send requests to servers on their machine (CVE-2025-66416 was that
of an MCP SDK): the Host and the Origin are checked before anything else looks at a request, as on
our other servers, and the SDK checks them again.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LLM.exceptions import LLMError
from LLM.extras import how_to_add
from llmring.exceptions import ConfigurationError, wrap_exception
from llmring.mcp.server.offers import Offer
from llmring.mcp.server.serving import sdk_server

if TYPE_CHECKING:
    from local_llm_kit.server.guard import Guard
    from local_llm_kit.server.http_server import HTTPServer

#: Where clients connect.
PATH = "/mcp"
HOST = "127.0.0.1"
_MAX_BODY_BYTES = 1 << 20
#: Seconds that calls have to finish at the end.
_GRACE_S = 1.0


class LoopbackServer:
    """A server that holds its port, and is ready to run.

    :param offer: what it offers.
    :param port: 0 takes any free one.
    :param api_key_file: a file with keys, one a line; a client needs one of them. None asks none.
    :raises ConfigurationError: the port or the keys cannot be used, or a package is missing.
    """

    def __init__(self, offer: Offer, port: int = 0, api_key_file: str | Path | None = None) -> None:
        self._sdk = sdk_server(offer)
        self._guard = _guard(api_key_file)
        self._socket = _listening(port)
        self._http: HTTPServer | None = None
        self._is_stopped = False
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}{PATH}"

    def stop(self) -> None:
        """Ask it to end, from any thread; one that has not begun ends at once."""
        self._is_stopped = True
        if self._http is not None:
            self._http.should_exit = True

    def close(self) -> None:
        """Give the port back; repeatable."""
        self._socket.close()

    async def run(self, ready: Callable[[str], None] | None = None) -> None:
        """Serve until `stop`, SIGINT or SIGTERM.

        :param ready: called with the address once it listens.
        """
        from local_llm_kit.server.http_server import HTTPServer

        app = self._sdk.streamable_http_app(
            streamable_http_path=PATH, host=HOST, max_request_body_size=_MAX_BODY_BYTES
        )
        # Streams in which a client waits for news have no end of their own; they are cut.
        self._http = HTTPServer(_Guarded(app, self._guard), lambda: None, _GRACE_S)
        self._http.should_exit = self._is_stopped
        self._http.on_ready = None if ready is None else lambda: ready(self.url)
        try:
            async with self._sdk.session_manager.run():
                await self._http.serve(sockets=[self._socket])
        finally:
            self.close()


class _Guarded:
    """Lets through who may ask."""

    def __init__(self, app: Any, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await (self._guard.answer(scope) or self._app)(scope, receive, send)


def _guard(api_key_file: str | Path | None) -> Guard:
    try:
        from local_llm_kit.server.guard import Access, Guard
        from local_llm_kit.server.options import ServerOptions, api_keys
    except ModuleNotFoundError as err:
        raise ConfigurationError(
            f"serving over HTTP takes {err.name}, which is not installed; "
            + how_to_add("mcp,server"),
            original=err,
        ) from err
    try:
        # Its own keys alone: variables hold those of other servers.
        options = ServerOptions(api_key_file=None if api_key_file is None else str(api_key_file))
        keys = api_keys(options, environ={})
    except LLMError as err:
        raise wrap_exception(err) from err
    return Guard(Access(keys, origin_advice=""))


def _listening(port: int) -> socket.socket:
    from local_llm_kit.server.address import bind, resolve

    try:
        return bind(resolve(HOST, port), HOST)
    except LLMError as err:
        raise wrap_exception(err) from err
