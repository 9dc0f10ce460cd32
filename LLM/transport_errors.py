"""From the exceptions of requests, urllib3, http.client and the system to ours."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from typing import Any

import requests
import urllib3.exceptions

from LLM.connection_errors import (
    Deadline,
    broken_body,
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

#: What those libraries raise for a peer's misbehaviour.
WIRE_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)


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
    # A RequestException is an OSError, too, but says nothing new and holds the request.
    cause = next(
        (
            e
            for e in reversed(chain)
            if isinstance(e, OSError) and not isinstance(e, requests.RequestException)
        ),
        None,
    )
    if cause is not None:
        # What led to it refers to the request, and so to the key in its headers.
        cause.__cause__ = cause.__context__ = cause.__traceback__ = None
    failure.__cause__ = cause
    return failure


def is_closed_pool(err: Exception) -> bool:
    """Whether `err` says that the connection pool was closed while waiting for a connection."""
    return any(isinstance(e, urllib3.exceptions.ClosedPoolError) for e in _chain(err))


def _chain(err: BaseException) -> Iterator[BaseException]:
    """`err` and what it wraps, outermost first; requests and urllib3 wrap in args and `.reason`."""
    seen: set[int] = set()
    queue: list[Any] = [err]
    while queue:
        item = queue.pop(0)
        if isinstance(item, BaseException) and id(item) not in seen:
            seen.add(id(item))
            yield item
            queue += [*item.args, getattr(item, "reason", None), item.__cause__, item.__context__]


def _failure(
    chain: list[BaseException], origin: str, timeout_s: float, deadline: Deadline
) -> LLMError:
    def find(*types: type[BaseException]) -> BaseException | None:
        return next((e for e in chain if isinstance(e, types)), None)

    errors = urllib3.exceptions
    last = chain[-1]
    if find(errors.ConnectTimeoutError) and not find(errors.NewConnectionError):
        return timed_out(origin, timeout_s, "connect")
    if find(TimeoutError, errors.ReadTimeoutError):
        return timed_out(origin, timeout_s, deadline)
    if find(errors.NameResolutionError):
        return unknown_host(origin)
    is_unconnected = find(errors.NewConnectionError)
    if (problem := find(ssl.SSLError, errors.SSLError)) and not is_unconnected:
        return tls_failed(origin, problem)
    if find(errors.ProxyError, requests.exceptions.InvalidProxyURL):
        return proxy_failed(origin, one_line(last))
    refused = find(ConnectionRefusedError)
    if refused or is_unconnected:
        return not_connected(origin, refused or last)
    if deadline != "first_byte":
        return broken_body(origin, last)
    if find(ConnectionError):
        # http.client's RemoteDisconnected is one of these, too.
        return disconnected(origin)
    return no_http(origin, last)
