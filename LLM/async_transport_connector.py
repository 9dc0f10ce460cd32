"""aiohttp's connector, which hands out only connections that are fit for a call.

What it adds: an idle connection on which something has arrived is not used again; at most so many
are kept idle; and it tells when the last call is done, so that a retired pool can close.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import select
import ssl
import weakref
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from LLM.async_transport_errors import CONNECTING
from LLM.pool_limits import PoolLimits


class Connector(aiohttp.TCPConnector):
    """Connections to one origin.

    :param limits: how many, and for how long.
    :param tls: how to check certificates.
    :param on_unused: called when a retired connector has no call left.
    """

    def __init__(
        self,
        limits: PoolLimits,
        tls: ssl.SSLContext,
        on_unused: Callable[[], None],
    ) -> None:
        super().__init__(
            limit=limits.max_connections,
            keepalive_timeout=limits.keepalive_s,
            ssl=tls,
        )
        self._max_idle = limits.max_idle
        self._on_unused = on_unused
        # Entries go with their protocol, which the transport lets go of when it has closed.
        self._transports: weakref.WeakKeyDictionary[ResponseHandler, asyncio.Transport] = (
            weakref.WeakKeyDictionary()
        )
        self._in_use = 0
        self._retired = False

    def retire(self) -> None:
        """Keep no connection, and call `on_unused` when the last one is given back."""
        if not self._retired:
            self._retired = True
            if not self._in_use:
                self._on_unused()

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        """A connection that is open and silent."""
        self._in_use += 1
        try:
            while True:
                connection = await super().connect(req, traces, timeout)
                protocol = connection.protocol
                assert protocol is not None, "the connection was just made or taken"
                if (known := self._transports.get(protocol)) is None:
                    if protocol.transport is not None:
                        self._transports[protocol] = protocol.transport
                    break
                if not _is_stale(protocol, known):
                    break
                connection.close()
        except asyncio.CancelledError as err:
            self._give_back()
            err.add_note(CONNECTING)
            raise
        except BaseException:
            self._give_back()
            raise
        connection.add_callback(functools.partial(self._returned, protocol))
        return connection

    def abort(self) -> None:
        """Close all sockets at once, those too that wait for the other side to take or say more."""
        for transport in list(self._transports.values()):
            transport.abort()

    def drop(self) -> None:
        """Close all sockets after the loop was closed.

        The transports' own methods need the loop to run once more, and there is no public way
        without. Where asyncio or uvloop differ, the garbage collector closes what is left.
        """
        for transport in list(self._transports.values()):
            with contextlib.suppress(Exception):
                _close_socket(transport)

    def _returned(self, protocol: ResponseHandler) -> None:
        """Aiohttp is about to keep the connection, or to close it."""
        if self._retired or self._has_surplus():
            protocol.force_close()
        transport = protocol.transport
        if transport is not None and (protocol.should_close or transport.get_write_buffer_size()):
            # A mere close would wait until the server has read what is left of the request, or has
            # taken leave of TLS.
            protocol.force_close()
            protocol.abort()
        self._give_back()

    def _give_back(self) -> None:
        self._in_use -= 1
        if self._retired and not self._in_use:
            # Not at once: aiohttp is in the middle of it.
            self._loop.call_soon(self._on_unused)

    def _has_surplus(self) -> bool:
        if len(self._transports) - self._in_use < self._max_idle:
            return False
        n_open = sum(not transport.is_closing() for transport in self._transports.values())
        return n_open - self._in_use >= self._max_idle


def _is_stale(protocol: ResponseHandler, transport: asyncio.Transport) -> bool:
    """Whether something has arrived since the last answer: the end, or what nobody asked for."""
    if protocol.should_close or not protocol.is_connected():
        return True
    sock = transport.get_extra_info("socket")
    return sock is not None and _is_readable(sock.fileno())


if hasattr(select, "poll"):

    def _is_readable(fileno: int) -> bool:
        poll = select.poll()
        poll.register(fileno, select.POLLIN)
        return bool(poll.poll(0))

else:

    def _is_readable(fileno: int) -> bool:
        return bool(select.select([fileno], [], [], 0)[0])


def _close_socket(transport: Any) -> None:
    if (tls := getattr(transport, "_ssl_protocol", None)) is not None:
        transport._closed = True
        transport = tls._transport
    if (sock := getattr(transport, "_sock", None)) is not None:
        sock.close()
        transport._sock = None
