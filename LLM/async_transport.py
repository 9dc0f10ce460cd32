"""The I/O shell for coroutines: the twin of `LLM.transport`, name by name, on aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Hashable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from LLM import async_transport_pool as pools
from LLM import telemetry, wire
from LLM.answer import Answer
from LLM.async_transport_answer import AsyncStreamedAnswer, read_capped, read_start
from LLM.async_transport_body import Body, UploadBody
from LLM.async_transport_errors import WIRE_ERRORS, SentOnceError, translated
from LLM.connection_errors import Deadline
from LLM.debug import heed_debug_setting
from LLM.environment import ca_bundle, proxy_of
from LLM.exceptions import LLMConfigError, LLMError
from LLM.pool_limits import PoolLimits, origin_key, pool_limits
from LLM.redaction import remember_keys
from LLM.upload import StreamedBody, upload_url
from LLM.wire import AsyncStreamedWire, WireRequest

__all__ = ["AsyncStreamedAnswer", "AsyncTransport", "close_shared_pools"]

_NO_SOCKS = "names a SOCKS proxy, which clients for coroutines cannot use; name an HTTP proxy"


class AsyncTransport:
    """Sends requests to one origin. For many tasks, in any number of event loops.

    It need not be closed: connections end with their loop, or with the transport.

    :param api_root: URL that paths are added to, such as ``https://api.openai.com/v1``.
    :param headers: headers of every request, credentials included.
    :param verify: as in `EndpointConfig`.
    :param max_connections: most idle connections kept, in each loop. Of no effect when `shared`.
    :param shared: use the connections that all shared transports of this origin use, whatever their
        headers; how many there are is up to `LLM.pool_limits`.
    :raises LLMConfigError: the CA bundle named by `verify` or the environment does not exist.
    """

    def __init__(
        self,
        api_root: str,
        headers: Mapping[str, str],
        *,
        verify: bool | str = True,
        max_connections: int = 32,
        shared: bool = False,
    ) -> None:
        parts = urlsplit(api_root)
        self.host = parts.netloc
        self._api_root = api_root
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self.headers = dict(headers)
        self._wire_headers = _WireHeaders.of(headers)
        self._verify = ca_bundle(verify) if parts.scheme == "https" else verify
        proxy = proxy_of(api_root, socks_problem=_NO_SOCKS)
        self._proxy = URL(proxy) if proxy else None
        self._limits = None if shared else PoolLimits(max_idle=max_connections)
        self._key: Hashable = object()
        if shared:
            self._key = origin_key(parts.scheme, parts.hostname, parts.port, self._verify, proxy)
        self._closed = False
        remember_keys(self)
        heed_debug_setting()
        self._pool: pools.Pool | None = None

    async def reset(self) -> None:
        """Drop all idle connections. Calls in flight go on, and close theirs when done."""
        self._pool = None
        if self._limits is not None:
            await pools.retire(self._key)

    async def close(self) -> None:
        """Drop all idle connections for good, unless others share them. Safe to call again."""
        self._closed = True
        await self.reset()

    def __del__(self) -> None:
        if getattr(self, "_limits", None) is not None:
            pools.forsake(self._key)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def require_open(self) -> None:
        """:raises LLMConfigError: `close` was called."""
        if self._closed:
            raise LLMConfigError("this client is closed; make a new one")

    def url(self, path: str) -> str:
        """The address behind `path`."""
        return self._api_root + path

    async def call(self, method: str, path: str, body: bytes | None, *, timeout_s: float) -> Answer:
        """Send a request and read its whole answer.

        :param path: added to `api_root`; begins with a slash.
        :param timeout_s: seconds from connecting to the last byte.
        :raises LLMConnectionError: no answer.
        :raises LLMTimeoutError: the deadline passed.
        :raises LLMResponseError: the answer is no HTTP, is cut short, or larger than 32 MiB.
        """

        def send() -> Awaitable[Answer]:
            return self._whole(method, path, body, timeout_s)

        if not wire.layers():
            return await send()
        self.require_open()
        request = WireRequest(method, self.url(path), self.headers, body, timeout_s)
        return await wire.call_async(request, send)

    async def stream(
        self, path: str, body: bytes, *, timeout_s: float
    ) -> Answer | AsyncStreamedWire:
        """Send a request whose answer is read bit by bit.

        :param timeout_s: seconds until the answer's headers, and then between two events.
        :return: an answer to be read as it arrives on a 2xx status, otherwise the whole `Answer`.
        :raises LLMError: as `call`.
        """

        def send() -> Awaitable[Answer | AsyncStreamedWire]:
            return self._exchange("POST", path, body, timeout_s, streamed=True)

        if not wire.layers():
            return await send()
        self.require_open()
        request = WireRequest("POST", self.url(path), self.headers, body, timeout_s)
        return await wire.stream_async(request, send)

    async def upload(
        self,
        target: str,
        body: bytes | StreamedBody,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
    ) -> Answer:
        """POST a body that may be read while it is sent.

        Where the server answers before it has read all, the rest is not sent.

        :param target: as in `upload_url`.
        :param headers: beside those of every request.
        :param timeout_s: seconds from connecting to the last byte.
        :raises LLMError: as `call`, or what reading the body raises.
        """
        url = upload_url(target, self._api_root, self._origin)

        def send() -> Awaitable[Answer]:
            return self._whole("POST", url, body, timeout_s, headers)

        if not wire.layers():
            return await send()
        self.require_open()
        request = WireRequest("POST", url, {**self.headers, **headers}, body, timeout_s)
        return await wire.call_async(request, send)

    async def _whole(
        self,
        method: str,
        path: str,
        body: bytes | StreamedBody | None,
        timeout_s: float,
        further: Mapping[str, str] | None = None,
    ) -> Answer:
        answer = await self._exchange(
            method, path, body, timeout_s, streamed=False, further=further
        )
        assert isinstance(answer, Answer), "nothing was to be streamed"
        return answer

    async def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | StreamedBody | None,
        timeout_s: float,
        *,
        streamed: bool,
        further: Mapping[str, str] | None = None,
    ) -> Answer | AsyncStreamedAnswer:
        """Send, and read as much as is wanted, within one deadline."""
        # Only `upload` has the whole address already, and headers of its own.
        url = self._api_root + path if further is None else path
        pool = self._open_pool()
        response: aiohttp.ClientResponse | None = None
        start = bytearray()
        try:
            with pool.deadlines.within(timeout_s):
                response = await pool.session.request(
                    method,
                    URL(url, encoded=True),
                    data=_payload(body),
                    # In no variable, which a crash reporter would show.
                    headers=_traced(self._wire_headers.of_request(body, streamed, further)),
                    allow_redirects=False,
                    proxy=self._proxy,
                    middlewares=_ONCE if body is None else (),
                )
                if not 200 <= response.status < 300:
                    await read_start(response, start)
                elif streamed:
                    answer = AsyncStreamedAnswer(response, self._origin, timeout_s)
                    pool.streams.add(answer)
                    return answer
                else:
                    answer_body = await read_capped(response)
                    if isinstance(body, StreamedBody) and not body.finished:
                        _close(response)  # or the rest would go on being sent
                    return Answer(response.status, response.headers, answer_body)
        except (*WIRE_ERRORS, LLMError) as err:
            deadline: Deadline = "first_byte" if response is None else "total"
            unread = body.failure if isinstance(body, StreamedBody) else None
            failure = unread or translated(err, self._origin, timeout_s, deadline)
        except asyncio.CancelledError as err:
            _close(response)
            # The frames that it has come through hold the headers, and so the key.
            raise err.with_traceback(None) from None
        _close(response)
        if response is not None and not 200 <= response.status < 300:
            # The status says the most, even where the rest of the body cannot be read.
            return Answer(response.status, response.headers, bytes(start))
        try:
            # Raised out here: the handled exception refers to the request, and so to the key.
            raise failure from failure.__cause__
        finally:
            # Otherwise its traceback would hold this frame, and so the response, which has the
            # request's headers.
            del failure, response

    def _open_pool(self) -> pools.Pool:
        """The running loop's connections to the origin."""
        self.require_open()
        pool = self._pool
        if pool is None or pool.retired or pool.loop is not asyncio.get_running_loop():
            shared = self._limits is None
            settings = pools.PoolSettings(self._limits or pool_limits(), self._verify, shared)
            pool = self._pool = pools.pool_for(self._key, settings)
        return pool


async def close_shared_pools() -> None:
    """Close the shared connections of the running loop, and those that ended loops have left.

    Calls in flight finish first. A client that is used later has new connections.
    """
    await pools.close_shared()


@dataclass(frozen=True, slots=True, repr=False)
class _WireHeaders:
    """Headers as they are sent, with credentials in plain text, for each kind of request.

    Nothing of it is shown when it is printed.
    """

    whole: CIMultiDict[str]
    bodiless: CIMultiDict[str]
    streamed: CIMultiDict[str]

    def of_request(
        self,
        body: bytes | StreamedBody | None,
        streamed: bool,
        further: Mapping[str, str] | None = None,
    ) -> CIMultiDict[str]:
        """Those of one kind of request.

        :param further: of this request alone.
        """
        if further is not None:
            framing = {"Content-Type": body.content_type} if isinstance(body, StreamedBody) else {}
            return CIMultiDict({**self.whole, **further, **framing})
        return self.streamed if streamed else self.bodiless if body is None else self.whole

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Self:
        """:param headers: of which some may be `LLM.secrets.Secret`, which prints a mask."""
        plain = {name: "".join(value) for name, value in headers.items()}
        json = {"Content-Type": "application/json"}
        return cls(
            CIMultiDict({**plain, "Accept-Encoding": "gzip", **json}),
            CIMultiDict({**plain, "Accept-Encoding": "gzip"}),
            CIMultiDict({**plain, "Accept-Encoding": "identity", **json}),
        )


def _traced(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """Headers with the context of the trace, where it is sent along."""
    further = {} if (recorder := telemetry.current) is None else recorder.headers()
    return CIMultiDict({**further, **headers}) if further else headers


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Pass a lost connection off as something that aiohttp does not try again on its own."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as err:
        raise SentOnceError from err


_ONCE = (_send_once,)


def _payload(body: bytes | StreamedBody | None) -> Body | UploadBody | None:
    if isinstance(body, StreamedBody):
        return UploadBody(body)
    return None if body is None else Body(body)


def _close(response: aiohttp.ClientResponse | None) -> None:
    """Let go of the connection, which is closed unless the body was read to its end."""
    if response is not None:
        response.close()
