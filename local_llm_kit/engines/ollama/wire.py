"""Talking to an Ollama server: bodies out, JSON objects in, every failure as one of our errors.

The package's `AsyncClient` brings the address (``OLLAMA_HOST`` and its spellings), the key and the
pool of connections. Its own methods are not used to write and read, because they

- pass tools through a model that drops what it does not know of a schema (nested objects, anyOf),
- cut a stream's lines at U+0085 inside a text, and take a stream that breaks off for a whole one,
- follow redirects, which carry the prompt to another address, and bound neither time nor size.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import Any

import httpx
from ollama import AsyncClient
from pydantic_core import from_json, to_json

from LLM.exceptions import LLMAPIError, LLMError
from local_llm_kit.backends import JSONObject
from local_llm_kit.engines.ollama.failures import Failures

#: What the constructor raises for addresses that are none; the port is httpx's, the rest not.
BadAddress = (ValueError, TypeError, httpx.InvalidURL)

CONNECT_TIMEOUT_S = 10.0
MAX_LINE_BYTES = 16 << 20
MAX_ANSWER_BYTES = 256 << 20
MAX_ERROR_BYTES = 1 << 20
_REST_S = 1.0

# A server on this machine is never reached through a proxy.
_DIRECT: Mapping[str, None] = dict.fromkeys(
    ("all://localhost", "all://127.0.0.1", "all://[::1]", "all://0.0.0.0")
)


class Wire(AsyncClient):
    """The connections to one server; used on one event loop.

    :param host: as ``OLLAMA_HOST`` is written; None takes that variable.
    :param timeout_s: seconds until the first line of an answer (the server may have to load the
        model first), and then between two lines.
    :raises ValueError: the host is no address.
    """

    def __init__(self, host: str | None, timeout_s: float) -> None:
        super().__init__(
            host,
            follow_redirects=False,
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
            mounts=_DIRECT,
            headers={"Accept-Encoding": "identity"},
        )
        self._timeout_s = timeout_s
        url: httpx.URL = self._client.base_url
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        self.failures = Failures(origin, os.environ.get("OLLAMA_API_KEY"))

    async def get(self, path: str) -> JSONObject:
        """The object that a path answers with; raises as `stream` does."""
        return await self._whole("GET", path, None)

    async def post(self, path: str, body: JSONObject) -> JSONObject:
        """The object that a body is answered with; raises as `stream` does."""
        return await self._whole("POST", path, body)

    async def remove(self, path: str, body: JSONObject) -> None:
        """Send a DELETE; a yes has no object. Raises as `stream` does."""
        async with self._deadline("total"), aclosing(self._lines("DELETE", path, body)) as lines:
            async for _ in lines:
                continue

    async def _whole(self, method: str, path: str, body: JSONObject | None) -> JSONObject:
        async with self._deadline("total"), aclosing(self._lines(method, path, body)) as lines:
            return self._object(b"".join([line async for line in lines]))

    async def stream(self, path: str, body: JSONObject) -> AsyncGenerator[JSONObject, None]:
        """The objects of an answer, each as soon as its line is complete.

        :raises LLMConnectionError: no answer; LLMTimeoutError: a deadline passed.
        :raises LLMResponseError: the answer is not JSON, breaks off amid a line, or is too large.
        :raises LLMAPIError: the server refuses, by its status; or fails amid the answer.
        """
        deadline = "first_byte"
        async with aclosing(self._lines("POST", path, body)) as lines:
            while True:
                async with self._deadline(deadline):
                    line = await anext(lines, None)
                if line is None:
                    return
                deadline = "between_chunks"
                value = self._object(line)
                yield value
                if value.get("done") is True:
                    await _read_rest(lines)
                    return

    async def _lines(
        self, method: str, path: str, body: JSONObject | None
    ) -> AsyncGenerator[bytes, None]:
        """The lines of an answer that says yes."""
        content = None if body is None else to_json(body)
        with self._connection_errors():
            async with self._client.stream(method, path, content=content) as response:
                if response.status_code != 200:
                    raise await self._refusal(response, (body or {}).get("model"))
                with self._answer_errors():
                    async for line in _split(self._pieces(response)):
                        if len(line) > MAX_LINE_BYTES:
                            raise self.failures.unreadable("has a line of more than 16 MiB")
                        yield line

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise self.failures.unreadable("has an encoding that was not asked for")
        left = MAX_ANSWER_BYTES
        async for piece in response.aiter_raw():
            left -= len(piece)
            if left < 0:
                raise self.failures.unreadable(f"has more than {MAX_ANSWER_BYTES:,} bytes")
            yield piece

    async def _refusal(self, response: httpx.Response, model: str | None) -> LLMAPIError:
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > MAX_ERROR_BYTES:
                break
        return self.failures.refusal(
            response.status_code, response.headers, bytes(body[:MAX_ERROR_BYTES]), model
        )

    def _object(self, line: bytes) -> JSONObject:
        try:
            value: Any = from_json(line, allow_inf_nan=False)
        except ValueError:
            raise self.failures.unreadable(
                f"is not JSON, or breaks off ({len(line):,} bytes); is an Ollama server there?"
            ) from None
        if not isinstance(value, dict):
            raise self.failures.unreadable("is JSON, but no object")
        if value.get("error"):
            raise self.failures.amid(value["error"])
        return value

    @asynccontextmanager
    async def _deadline(self, name: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except TimeoutError:
            raise self.failures.timed_out(name, self._timeout_s) from None

    @contextmanager
    def _connection_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectTimeout:
            raise self.failures.timed_out("connect", CONNECT_TIMEOUT_S) from None
        except httpx.ConnectError as err:
            raise self.failures.unreachable(str(err)) from None
        except httpx.HTTPError as err:
            raise self.failures.disconnected(str(err)) from None

    @contextmanager
    def _answer_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as err:
            raise self.failures.unreadable(f"is cut short or broken: {err}") from None


async def _read_rest(lines: AsyncIterator[bytes]) -> None:
    """Wait a moment for the end of a body, after which its connection can be used again."""
    with suppress(TimeoutError, LLMError):
        async with asyncio.timeout(_REST_S):
            await anext(lines, None)


async def _split(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines of a stream cut anywhere, without their ends; empty ones are left out."""
    held: list[bytes] = []
    n_held = 0
    async for piece in pieces:
        *lines, rest = piece.split(b"\n")
        if lines:
            lines[0] = b"".join([*held, lines[0]])
            held, n_held = [], 0
        held.append(rest)
        n_held += len(rest)
        for line in lines:
            if line.strip():
                yield line
        if n_held > MAX_LINE_BYTES:
            break  # what is held is too long already, and refused as it is
    last = b"".join(held)
    if last.strip():
        yield last
