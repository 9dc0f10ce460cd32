"""From the exceptions of requests, urllib3, http.client and the system to ours."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from typing import Any, Literal

import requests
import urllib3.exceptions

from LLM.exceptions import LLMConnectionError, LLMError, LLMResponseError, LLMTimeoutError

#: What those libraries raise for a peer's misbehaviour.
WIRE_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)

#: Which deadline runs: until the answer's headers, between two stream events, for all of an answer.
Deadline = Literal["connect", "first_byte", "between_chunks", "total"]

_NEVER_REACHED: dict[Deadline, str] = {
    "connect": "no connection to",
    "first_byte": "no answer from",
    "between_chunks": "no further event in the stream from",
    "total": "no complete answer from",
}


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
    last = _one_line(chain[-1])
    if find(errors.ConnectTimeoutError) and not find(errors.NewConnectionError):
        return _timed_out(origin, timeout_s, "connect")
    if find(TimeoutError, errors.ReadTimeoutError):
        return _timed_out(origin, timeout_s, deadline)
    if find(errors.NameResolutionError):
        return LLMConnectionError(
            f"cannot find the host of {origin}; check base_url and the network", code="unknown_host"
        )
    if "WRONG_VERSION_NUMBER" in str(find(ssl.SSLError, errors.SSLError)):
        return LLMConnectionError(
            f"{origin} does not speak TLS; begin base_url with http:// or give its TLS port",
            code="tls",
        )
    if problem := find(ssl.SSLError, errors.SSLError):
        return LLMConnectionError(
            f"no TLS connection to {origin}: {_one_line(problem)}; for a private certificate set "
            "LLMConfig.verify to its CA bundle",
            code="tls",
        )
    if find(errors.ProxyError, requests.exceptions.InvalidProxyURL):
        return LLMConnectionError(
            f"the proxy for {origin} failed: {last}; check HTTP_PROXY, HTTPS_PROXY and NO_PROXY",
            code="connect",
        )
    if find(ConnectionRefusedError):
        return LLMConnectionError(
            f"nothing listens at {origin}; start the server or check base_url", code="connect"
        )
    if find(errors.NewConnectionError):
        return LLMConnectionError(f"cannot connect to {origin}: {last}", code="connect")
    if deadline != "first_byte":
        return LLMResponseError(f"the answer of {origin} is cut short or broken: {last}")
    if find(ConnectionError):
        # http.client's RemoteDisconnected is one of these, too.
        return LLMConnectionError(
            f"{origin} closed the connection before answering", code="disconnected"
        )
    return LLMResponseError(f"{origin} does not answer in HTTP: {last}; check base_url")


def _timed_out(origin: str, timeout_s: float, deadline: Deadline) -> LLMTimeoutError:
    return LLMTimeoutError(
        f"{_NEVER_REACHED[deadline]} {origin} within {timeout_s:g} s (deadline {deadline!r}); "
        "raise timeout if the model needs longer",
        code=deadline,
    )


def _one_line(err: BaseException) -> str:
    text = " ".join(str(err).split())
    return f"{type(err).__name__}: {text[:200]}" if text else type(err).__name__
