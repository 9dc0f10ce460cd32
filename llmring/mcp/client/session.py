"""A conversation with one server, held by a task of its own in the background's loop.

The SDK wants a session entered and left by one task, and its pools and pipes belong to one event
loop; our callers come from any task, and from loops that end before the connection does. So the
background's loop has the session, and callers await its answers from wherever they are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from LLM._version import __version__
from LLM.error_response import excerpt
from LLM.extras import how_to_add
from LLM.secrets import scrub_text
from llmring.exceptions import ConfigurationError, MCPError
from llmring.mcp.client import sdk_errors
from llmring.mcp.client.addresses import ServerAddress
from llmring.mcp.client.requests import Handlers
from llmring.mcp.client.transports import Route

if TYPE_CHECKING:
    from mcp import Client

T = TypeVar("T")

# Seconds for a server to end: its input closes, then it is asked to end, then it is killed.
_CLOSE_S = 10.0
_logger = logging.getLogger("llmring.mcp")
# Seconds for a connection that broke to end, so that the cause is known.
_END_S = 0.5


@dataclass(slots=True)
class _Held:
    """The task that holds a session, and what it needs.

    :param client: the SDK's, once the server has answered.
    :param leave: set to end the session.
    :param ended_by: the error that the session ended by.
    """

    task: asyncio.Task[None]
    client: asyncio.Future[Client]
    leave: asyncio.Event
    ended_by: BaseException | None = None


class Session:
    """A conversation with one server. All methods run in the background's loop.

    :param handlers: what is done with the server's own requests and notes.
    """

    def __init__(self, address: ServerAddress, handlers: Handlers) -> None:
        self._address = address
        self._handlers = handlers
        self._route = Route(address, self._break)
        self._held: _Held | None = None
        self._asking: set[asyncio.Future[Any]] = set()

    async def open(self, timeout_s: float) -> Client:
        """Start or reach the server.

        :return: the SDK's client, to read what the server said of itself.
        :raises MCPError: it cannot be started or reached, or does not answer in time.
        :raises ConfigurationError: the SDK is not installed.
        """
        _require_sdk()
        try:
            async with asyncio.timeout(timeout_s):
                try:
                    return await self._enter("legacy")
                except Exception as err:
                    if not sdk_errors.knows_no_handshake(err):
                        raise
                # It does not know the handshake that all know today, but its successor.
                return await self._enter("auto")
        except TimeoutError:
            problem, cause = f"did not answer within {timeout_s:g} s", None
        except Exception as err:  # noqa: BLE001 - whatever the SDK and its libraries raise
            problem, cause = "cannot be connected", sdk_errors.root(err)
        # The SDK's errors hold requests, and those the headers, so they are no `__cause__`.
        raise await self._error(problem, cause)

    async def ask(
        self, what: str, question: Callable[[Client], Awaitable[T]], timeout_s: float
    ) -> T:
        """The answer to a request. Cancelling it tells the server so.

        :param what: the request, for errors.
        :param question: sends it.
        :raises MCPError: the server refuses or fails, the connection has ended, or it takes longer.
        """
        held = self._held
        if held is None or held.task.done():
            cause = held.ended_by if held else None
            raise await self._error(f"{what}: the connection has ended", cause)
        asking = asyncio.ensure_future(question(held.client.result()))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        asking.add_done_callback(_look_at)
        try:
            await asyncio.wait({asking}, timeout=timeout_s)
        finally:
            # The server is told by the way; the SDK takes up to 5 s for it, and nobody waits.
            asking.cancel()
        if not asking.done():
            raise await self._error(f"{what} took longer than {timeout_s:g} s", None)
        try:
            return asking.result()
        except Exception as err:  # noqa: BLE001 - whatever the SDK and its libraries raise
            cause = await self._reason_of_end(held, sdk_errors.root(err))
        raise await self._error(what, cause)

    async def close(self) -> None:
        """End the session, and a program that was started for it. Once is enough."""
        if self._held is not None:
            held = self._held
            held.leave.set()
            _, late = await asyncio.wait({held.task}, timeout=_CLOSE_S)
            if late:
                held.task.cancel()
                await asyncio.wait({held.task}, timeout=_CLOSE_S)

    def _break(self, cause: Exception) -> None:
        """End the session because of what the server did."""
        if self._held is not None:
            self._held.ended_by = self._held.ended_by or cause
            if not self._held.client.done():
                self._held.client.set_exception(cause)
            self._held.leave.set()

    async def _enter(self, mode: str) -> Client:
        loop = asyncio.get_running_loop()
        client: asyncio.Future[Client] = loop.create_future()
        leave = asyncio.Event()
        task = loop.create_task(self._hold(mode, client, leave))
        task.add_done_callback(_look_at)
        self._held = _Held(task, client, leave)
        try:
            waited: set[asyncio.Future[Any]] = {task, client}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not client.done():
                await task
            return client.result()
        except BaseException:
            task.cancel()
            # What was started is ended before the caller goes on.
            await asyncio.wait({task}, timeout=_CLOSE_S)
            raise

    async def _hold(self, mode: str, ready: asyncio.Future[Client], leave: asyncio.Event) -> None:
        from mcp import Client

        handlers = self._handlers
        client = Client(
            self._route.transport(),
            mode=mode,
            cache=None,
            client_info=_client_info(),
            sampling_callback=handlers.sampling,
            elicitation_callback=handlers.elicitation,
            list_roots_callback=handlers.roots,
            logging_callback=handlers.log,
            message_handler=handlers.note,
        )
        try:
            async with client:
                ready.set_result(client)
                listening = asyncio.create_task(_listen(client, self._address))
                try:
                    await leave.wait()
                finally:
                    listening.cancel()
                    await asyncio.wait({listening})
        except Exception as err:
            if not ready.done():
                raise
            if self._held is not None:
                # What it was broken off for comes first; the rest follows from that.
                self._held.ended_by = self._held.ended_by or sdk_errors.root(err)

    async def _reason_of_end(self, held: _Held, cause: BaseException) -> BaseException:
        """What a session ended by: its requests are only told that it has."""
        if self._address.url and sdk_errors.is_closed(cause):
            await asyncio.wait({held.task}, timeout=_END_S)
        return held.ended_by or cause

    async def _error(self, problem: str, cause: BaseException | None) -> MCPError:
        code = sdk_errors.code_of(cause)
        status = self._route.refusal if sdk_errors.hides_status(code) else None
        reason = "" if cause is None else f": {sdk_errors.reason(cause, status)}"
        ended = self._held is None or self._held.task.done() or sdk_errors.is_closed(cause)
        # A program that goes on says nothing of this; what it wrote before is of something else.
        words = await self._route.last_words() if ended else ""
        text = scrub_text(
            f"MCP server {self._address.label}: {problem}{reason}", self._address.secrets
        )
        return MCPError(
            f"{text}; it wrote last:\n{words}" if words else text,
            details={"stderr": words} if words else {},
            status_code=status,
            code=None if code is None else str(code),
        )


async def _listen(client: Client, address: ServerAddress) -> None:
    """Have the server tell of changed tools; those of older versions do so unasked.

    The notifications themselves go to the session's handlers.
    """
    from mcp.client.subscriptions import SubscriptionLost
    from mcp.shared.exceptions import MCPError as SDKError
    from mcp.types.version import MODERN_PROTOCOL_VERSIONS

    offers = client.server_capabilities.tools
    if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or not (
        offers and offers.list_changed
    ):
        return
    try:
        async with client.listen(tools_list_changed=True) as events:
            async for _ in events:
                continue
    except (SDKError, SubscriptionLost) as err:
        text = scrub_text(excerpt(str(err)), address.secrets)
        _logger.warning("%s: changes of its tools are not told any more: %s", address.label, text)


def _look_at(done: asyncio.Future[Any]) -> None:
    """Take notice of an error; asyncio complains of those that nobody looks at."""
    if not done.cancelled():
        done.exception()


def _require_sdk() -> None:
    try:
        import mcp  # noqa: F401
    except ModuleNotFoundError as err:
        if err.name != "mcp":
            raise
        raise ConfigurationError(
            f"MCP needs the SDK mcp, which is not installed; {how_to_add('mcp')}"
        ) from err


def _client_info() -> Any:
    from mcp import types

    return types.Implementation(name="llmring", version=__version__)
