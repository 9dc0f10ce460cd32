"""From the exceptions of aiohttp, asyncio and the system to ours."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from LLM.connection_errors import (
    Deadline,
    broken_body,
    broken_framing,
    disconnected,
    no_http,
    not_connected,
    one_line,
    proxy_failed,
    timed_out,
    tls_failed,
    unknown_host,
)
from LLM.exceptions import LLMError
from LLM.inflate import EncodingError

#: What aiohttp and asyncio raise for a peer's misbehaviour. Among the ValueErrors are InvalidURL
#: and EncodingError; a RuntimeError tells that a connection was closed under its reader.
WIRE_ERRORS = (aiohttp.ClientError, OSError, ValueError, RuntimeError)


class SentOnceError(aiohttp.ClientError):
    """Stands before a lost connection, after which aiohttp would send a GET once more."""


#: Noted on the CancelledError that ends the wait for a connection.
CONNECTING = "while connecting"


def translated(err: Exception, origin: str, timeout_s: float, deadline: Deadline) -> LLMError:
    """Our error for `err`; its `__cause__` is the system's error behind it, if there is one.

    :param origin: scheme and host that were called.
    :param timeout_s: the deadline that was running, in seconds.
    :param deadline: its name.
    """
    if isinstance(err, LLMError):
        return err
    chain = list(_chain(err))
    failure = _failure(chain, origin, timeout_s, deadline)
    failure.provider = origin.partition("://")[2]
    # aiohttp's own OSErrors say nothing new, and hold the request with its headers.
    cause = next(
        (e for e in reversed(chain) if isinstance(e, OSError) and not _is_theirs(e)),
        None,
    )
    if cause is not None:
        # What led to it refers to the request, and so to the key in its headers.
        cause.__cause__ = cause.__context__ = cause.__traceback__ = None
    failure.__cause__ = cause
    return failure


def _is_theirs(err: BaseException) -> bool:
    return isinstance(err, aiohttp.ClientError)


def _chain(err: BaseException | None) -> Iterator[BaseException]:
    """`err` and what it wraps, outermost first."""
    seen: set[int] = set()
    while err is not None and id(err) not in seen:
        seen.add(id(err))
        yield err
        err = getattr(err, "os_error", None) or err.__cause__ or err.__context__


def _failure(
    chain: list[BaseException], origin: str, timeout_s: float, deadline: Deadline
) -> LLMError:
    def find(*types: type[BaseException]) -> Any:
        return next((e for e in chain if isinstance(e, types)), None)

    err = chain[0]
    last = next((e for e in reversed(chain) if not _is_theirs(e)), err)
    if isinstance(err, TimeoutError):
        # A passed deadline makes it of the cancellation that it has caused.
        connecting = any(CONNECTING in getattr(e, "__notes__", ()) for e in chain)
        return timed_out(origin, timeout_s, "connect" if connecting else deadline)
    if find(aiohttp.ClientProxyConnectionError):
        return proxy_failed(origin, one_line(last))
    if refusal := find(aiohttp.ClientHttpProxyError):
        # Its text names the proxy's address, with the password in it.
        return proxy_failed(origin, f"it answers {refusal.status} to CONNECT")
    if find(aiohttp.ClientConnectorDNSError):
        return unknown_host(origin)
    if problem := find(ssl.SSLError, ssl.CertificateError):
        return tls_failed(origin, problem)
    if find(aiohttp.ClientConnectorError, ConnectionRefusedError, aiohttp.InvalidURL):
        return not_connected(origin, last)
    if (problem := find(HttpProcessingError)) and "chunk" in str(problem):
        return broken_framing()
    if deadline != "first_byte":
        return broken_body(origin, last if isinstance(last, EncodingError) else err)
    if (problem := find(aiohttp.ServerDisconnectedError)) and not isinstance(problem.message, str):
        # The message is what there is of the headers.
        return broken_body(origin, EOFError("it ends in its headers"))
    if find(aiohttp.ServerDisconnectedError, ConnectionError, aiohttp.ClientOSError):
        return disconnected(origin)
    return no_http(origin, last)
