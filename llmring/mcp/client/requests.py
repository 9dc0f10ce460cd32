"""What a server asks and tells by itself: refused without a callback, logged, or noted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from LLM.error_response import excerpt
from LLM.secrets import scrub_text
from llmring.mcp.client.addresses import ServerAddress
from llmring.mcp.client.types import Answer, Callbacks

T = TypeVar("T")

_logger = logging.getLogger("llmring.mcp")
# The protocol's levels, which are syslog's.
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "alert": logging.CRITICAL,
    "emergency": logging.CRITICAL,
}


class Handlers:
    """The SDK's callbacks for one session. Callbacks of users run in `loop`.

    :param loop: the event loop in which the connection was made.
    :param on_list_change: is told that the server's tools have changed.
    """

    def __init__(
        self,
        address: ServerAddress,
        callbacks: Callbacks,
        loop: asyncio.AbstractEventLoop,
        on_list_change: Callable[[], None],
    ) -> None:
        self._address = address
        self._callbacks = callbacks
        self._loop = loop
        self._on_list_change = on_list_change

    @property
    def sampling(self) -> Any:
        """None where it is refused, so that the server is not told that we could."""
        from mcp import types

        return self._answering(self._callbacks.sampling, types.CreateMessageResult)

    @property
    def elicitation(self) -> Any:
        """None where it is refused."""
        from mcp import types

        return self._answering(self._callbacks.elicitation, types.ElicitResult)

    @property
    def roots(self) -> Any:
        """None where it is refused."""
        roots = self._callbacks.roots
        if roots is None:
            return None
        from mcp import types

        result = types.ListRootsResult.model_validate({"roots": [{"uri": uri} for uri in roots]})

        async def answer(_context: Any) -> Any:
            return result

        return answer

    async def log(self, params: Any) -> None:
        """Hand a note of the server's log on to ours."""
        data = params.data if isinstance(params.data, str) else repr(params.data)
        source = f" {excerpt(params.logger)}:" if params.logger else ""
        text = scrub_text(excerpt(data), self._address.secrets)
        level = _LEVELS.get(params.level, logging.INFO)
        _logger.log(level, "%s:%s %s", self._address.label, source, text)

    async def note(self, message: Any) -> None:
        """Take a notification, or an error of the transport, notice of."""
        from mcp import types

        if isinstance(message, types.ToolListChangedNotification):
            self._on_list_change()
        elif isinstance(message, Exception):
            text = scrub_text(excerpt(str(message)), self._address.secrets)
            _logger.warning("%s: %s: %s", self._address.label, type(message).__name__, text)

    def _answering(self, callback: Answer | None, result: Any) -> Any:
        if callback is None:
            return None
        from mcp import types

        async def answer(_context: Any, params: Any) -> Any:
            if self._loop.is_closed():
                problem = "the event loop of who would answer has ended"
                return types.ErrorData(code=types.INVALID_REQUEST, message=problem)
            asked = params.model_dump(mode="json", by_alias=True, exclude_none=True)
            given = await in_loop(self._loop, lambda: callback(asked))
            if given is None:
                return types.ErrorData(code=types.INVALID_REQUEST, message="refused by the user")
            return result.model_validate(given)

        return answer


async def in_loop(loop: asyncio.AbstractEventLoop, work: Callable[[], Awaitable[T]]) -> T:
    """The result of asynchronous work that runs in `loop`, to await in any other."""

    async def run() -> T:
        return await work()

    if loop is asyncio.get_running_loop():
        return await work()
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), loop))
