"""requests and urllib3, made to do what a call needs and nothing unasked.

A request is filled in by hand and goes through `Session.send` and `HTTPAdapter.send`, so tools that
hook either (`responses`, `requests-mock`, tracing) see it, while the parts that cost the most per
call (environment look-ups, request preparation, pool look-up, cookies) are done once or not at all.
Redirects, cookies, ``.netrc`` and the library's own retries are off.

Deadlines: urllib3's timeouts bound each socket read, so a server that drips one byte a second never
meets them. Here every read of a response, headers included, goes through a `DeadlineReader`, which
gives the socket only the time that is left until one point in time.
"""

from __future__ import annotations

import http.client
import http.cookiejar
import io
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from LLM.deadline_reader import DeadlineReader, ReadSide
from LLM.upload import StreamedBody

#: Bytes asked of the socket at once.
READ_BYTES = 64 * 1024

# A connection without a timeout does not occur here; if it did, an hour would bound it.
_NO_TIMEOUT_S = 3600.0


class TimedBody:
    """A body that must be sent by `deadline`, a reading of the monotonic clock."""

    def __init__(self, body: StreamedBody, deadline: float) -> None:
        self.deadline = deadline
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)


class _Response(http.client.HTTPResponse):
    """A response that drops interim answers, and the header lines that are none."""

    def begin(self) -> None:
        super().begin()
        # RFC 9110, section 15.2: a client takes any number of them; http.client knows 100 alone.
        while 101 < self.status < 200:
            self.headers = self.msg = None  # type: ignore[assignment]  # begin starts over then
            super().begin()
        # urllib3 would log them with what they say, and a server may echo the key there.
        self.msg.defects.clear()
        self.msg.set_payload("")


class _DeadlineMixin:
    """A connection whose responses carry their `DeadlineReader` and the buffered file over it."""

    timeout: Any
    #: When an idle connection is too old, by the monotonic clock.
    keep_until: float = float("inf")
    #: When the body that is being sent must be there, by the monotonic clock; None for a short one.
    send_until: float | None = None
    reader: DeadlineReader | None = None
    file: io.BufferedReader | None = None
    sock: Any

    @property
    def is_connected(self) -> bool:
        """Whether the connection can carry a request; asked when it comes from the pool."""
        return time.monotonic() < self.keep_until and bool(super().is_connected)  # type: ignore[misc]  # as below

    def request(self, method: str, url: str, body: Any = None, *args: Any, **options: Any) -> None:
        self.send_until = body.deadline if isinstance(body, TimedBody) else None
        super().request(method, url, body, *args, **options)  # type: ignore[misc]  # as below

    def send(self, data: Any) -> None:
        # The socket's timeout bounds each piece alone, and a server may take one at a time.
        if self.send_until is not None and self.sock is not None:
            left = self.send_until - time.monotonic()
            if left <= 0:
                raise TimeoutError("deadline passed")
            self.sock.settimeout(left)
        super().send(data)  # type: ignore[misc]  # as below

    def response_class(self, sock: socket.socket, **kwargs: Any) -> http.client.HTTPResponse:
        # By now urllib3 has set the timeout to what the request has left of its total.
        timeout_s = self.timeout if isinstance(self.timeout, (int, float)) else _NO_TIMEOUT_S
        self.reader = DeadlineReader(sock, time.monotonic() + timeout_s)
        self.file = io.BufferedReader(self.reader, READ_BYTES)
        return _Response(ReadSide(self.file), **kwargs)  # type: ignore[arg-type]  # a stand-in

    def getresponse(self) -> Any:
        try:
            response = super().getresponse()  # type: ignore[misc]  # HTTPConnection's, by the bases below
            response.reader, response.file = self.reader, self.file
            return response
        except BaseException:
            # urllib3 refuses some headers after it has the response, which then nobody closes.
            if self.file is not None:
                self.file.close()
            raise
        finally:
            self.reader = self.file = None


class _Connection(_DeadlineMixin, HTTPConnection):  # type: ignore[misc]  # response_class: a method
    """Plain HTTP with a deadline."""


class _TLSConnection(_DeadlineMixin, HTTPSConnection):  # type: ignore[misc]  # likewise
    """HTTPS with a deadline, whose handshake is a part of connecting."""

    def connect(self) -> None:
        try:
            super().connect()
        except (TimeoutError, ssl.SSLEOFError, ConnectionError) as err:
            if self.proxy is not None:
                raise
            # Nothing was sent, and so nothing billed: another try may follow.
            kind = ConnectTimeoutError if isinstance(err, TimeoutError) else NewConnectionError
            raise kind(self, "the TLS handshake did not end") from err


class _KeepAliveMixin:
    """A pool whose idle connections grow too old."""

    keepalive_s: float | None = None

    def _put_conn(self, conn: Any) -> None:
        if conn is not None and self.keepalive_s is not None:
            conn.keep_until = time.monotonic() + self.keepalive_s
        super()._put_conn(conn)  # type: ignore[misc]  # HTTPConnectionPool's, by the bases below


class _Pool(_KeepAliveMixin, HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(_KeepAliveMixin, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


class _Adapter(HTTPAdapter):
    """The adapter of one origin, whose pool is looked up once instead of for each request."""

    def __init__(self, *, pool_size: int, origin: str, keepalive_s: float | None) -> None:
        self._pool: Any = None
        self._keepalive_s = keepalive_s
        self._origin_chars = len(origin)
        super().__init__(pool_maxsize=pool_size)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        if self._pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            super().cert_verify(pool, request.url, verify, cert)  # type: ignore[no-untyped-call]  # theirs
            if isinstance(pool, _KeepAliveMixin):
                pool.keepalive_s = self._keepalive_s
            self._pool = pool
        return self._pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Settled when the pool was made."""

    def request_url(self, request: Any, proxies: Any) -> str:
        if proxies:
            return super().request_url(request, proxies)
        return str(request.url)[self._origin_chars :]

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        # Without the original's cookie jar and guess at a charset.
        response = requests.Response()
        response.status_code = resp.status
        response.headers = resp.headers
        response.raw = resp
        response.reason = resp.reason
        response.url = req.url
        response.request = req
        response.connection = self
        return response


class _NoCookies(http.cookiejar.DefaultCookiePolicy):
    """Takes no cookie: calls with different keys share connections and must not share state."""

    def set_ok(self, cookie: Any, request: Any) -> bool:
        return False


class _Session(requests.Session):
    """A session that sees no redirect: even unfollowed, requests would read its whole body."""

    def get_redirect_target(self, resp: Any) -> None:
        return None


def new_session(origin: str, pool_size: int, keepalive_s: float | None = None) -> requests.Session:
    """A session for one origin, such as ``https://api.openai.com``.

    :param pool_size: most idle connections kept, 1 and up.
    :param keepalive_s: seconds after which an idle connection is not used again; None for no end.
    """
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(_NoCookies())
    adapter = _Adapter(pool_size=pool_size, origin=origin, keepalive_s=keepalive_s)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session
