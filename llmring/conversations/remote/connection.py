"""Requests to an llmring server: what is sent again, and what its answers and errors mean."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from LLM.async_transport import AsyncTransport
from LLM.error_response import api_error
from LLM.exceptions import LLMConnectionError, LLMError
from LLM.headers import bearer, merged_headers
from LLM.retry import RetryPolicy
from llmring.conversations.remote.address import KEY_VARIABLE, RemoteAddress
from llmring.exceptions import (
    ConversationNotFoundError,
    LLMRingError,
    ServerConnectionError,
    ServerError,
    ValidationError,
)
from llmring.server.wire import API

#: Seconds that a request may take.
TIMEOUT_S = 30.0
#: Where what is not found is a conversation.
CONVERSATION = f"{API}/conversations/"
#: Nothing of what failed so has reached the server.
_UNSENT = frozenset({"connect", "unknown_host"})
#: The server says that it did nothing.
_TURNED_AWAY = frozenset({429, 503})
#: What cannot be right, by the answer's status.
_REFUSED = frozenset({400, 411, 413, 414, 415, 422})
_logger = logging.getLogger("llmring.server")
_POLICY = RetryPolicy(
    max_retries=2,
    base_delay=0.2,
    max_retry_after=5.0,
    jitter=0.25,
    statuses=frozenset({429, 500, 502, 503, 504}),
    retry_timeouts=False,
)

Method = Literal["GET", "POST", "PATCH", "DELETE"]


class ServerConnection:
    """Sends requests to one server. Tasks, threads and event loops may share it.

    :param address: where it is, and the key.
    :param timeout_s: seconds that one try may take.
    """

    def __init__(self, address: RemoteAddress, timeout_s: float = TIMEOUT_S) -> None:
        self.address = address
        self._timeout_s = timeout_s
        headers = merged_headers(bearer(address.api_key), {})
        self._transport = AsyncTransport(address.url, headers)

    def __repr__(self) -> str:
        return f"ServerConnection({self.address.url!r})"

    async def ask(
        self,
        method: Method,
        path: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        *,
        repeatable: bool = True,
    ) -> Any:
        """The answer, read as JSON.

        :param path: from the server's root; it is sent as it is.
        :param body: what JSON can say; None sends none.
        :param query: parameters; those that are None are left out.
        :param repeatable: whether it does no harm to send it again where it may have arrived.
        :raises ServerConnectionError: no answer. `code` is ``disconnected`` where the request may
            have arrived.
        :raises ServerError: the server fails or refuses the key; or its answer cannot be read.
        :raises ValidationError: it refuses the request, or JSON cannot say the body.
        :raises ConversationNotFoundError: it has none of what the path names.
        """
        sent = None if body is None else _as_json(body)
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{path}?{_encoded(given)}" if given else path
        tries = 0
        while True:
            tries += 1
            failure = await self._try(method, target, sent)
            if isinstance(failure, bytes):
                return self._parsed(failure)
            delay_s = None
            if repeatable or failure.code in _UNSENT or failure.status_code in _TURNED_AWAY:
                delay_s = _POLICY.delay(failure, tries)
            if delay_s is None:
                raise self._named(failure, path)
            _logger.info("try %d at %s failed: %s", tries, self.address.url, type(failure).__name__)
            await asyncio.sleep(delay_s)

    async def close(self) -> None:
        """Close the connections. Repeatable."""
        await self._transport.close()

    async def _try(self, method: Method, target: str, body: bytes | None) -> bytes | LLMError:
        """The body of an answer that says yes, or what went wrong."""
        if self._transport.closed:
            raise ServerError(f"the connection to {self.address.url} was closed; make another one")
        try:
            answer = await self._transport.call(method, target, body, timeout_s=self._timeout_s)
        except LLMError as err:
            return err.with_traceback(None)
        if 200 <= answer.status < 300:
            return answer.body
        return api_error(
            answer.status,
            answer.headers,
            answer.body,
            provider=self.address.url,
            model=None,
            secret=self.address.api_key,
            now=time.time(),
        )

    def _parsed(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            pass
        raise ServerError(
            f"the answer of {self.address.url} is no JSON; check that an llmring server is there"
        )

    def _named(self, failure: LLMError, path: str) -> LLMRingError:
        """What went wrong, by llmring's name for it."""
        facts: dict[str, Any] = {
            "status_code": failure.status_code,
            "retry_after": failure.retry_after,
            "code": failure.code,
        }
        message, status = failure.message, failure.status_code
        if isinstance(failure, LLMConnectionError):
            text = f"the llmring server cannot be reached: {message}"
            return ServerConnectionError(text.replace("base_url", "server_url"), **facts)
        if status in (401, 403):
            return ServerError(f"{message}; check {KEY_VARIABLE}, or api_key", **facts)
        if status == 404 and path.startswith(CONVERSATION):
            return ConversationNotFoundError(message, **facts)
        if status in _REFUSED:
            return ValidationError(message, **facts)
        return ServerError(message.replace("base_url", "server_url"), **facts)


def _as_json(body: Any) -> bytes:
    try:
        # ASCII: lone surrogates, which models do write, go through as escapes.
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as err:
        kind = type(err).__name__
    # Outside the handler: the error's frames hold what is said.
    raise ValidationError(f"what a message or its facts hold cannot be written as JSON ({kind})")


def _encoded(query: Mapping[str, Any]) -> str:
    try:
        return urlencode(query)
    except UnicodeEncodeError:
        name = next(name for name, value in query.items() if not _is_text(value))
    raise ValidationError(f"{name} holds a lone surrogate, which no address can carry")


def _is_text(value: Any) -> bool:
    text = str(value)
    return text == text.encode("utf-8", "replace").decode()
