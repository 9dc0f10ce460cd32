"""A connection to an MCP server: its tools, resources and prompts, for any task and event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from llmring import background
from llmring.exceptions import MCPError, ToolError
from llmring.mcp.client import listing, results
from llmring.mcp.client.addresses import ServerAddress, address
from llmring.mcp.client.approvals import Approvals
from llmring.mcp.client.naming import legal_names
from llmring.mcp.client.pins import PinStore, pin_of
from llmring.mcp.client.requests import Handlers
from llmring.mcp.client.session import Session
from llmring.mcp.client.types import (
    Callbacks,
    Limits,
    OnChange,
    Prompt,
    Resource,
    ResourceContents,
    ResourceTemplate,
    ServerInfo,
    ToolChange,
)
from llmring.mcp.tools import OnProgress, Progress, Tool, ToolResult
from llmring.schemas import Message

if TYPE_CHECKING:
    from mcp import Client, types
    from mcp.shared.dispatcher import ProgressFnT

T = TypeVar("T")

#: Most characters of how a server names itself.
_MAX_NAME_CHARS = 200


class MCPConnection:
    """A connection to an MCP server, made by `connect` or ``async with``.

    Tools that differ from those that were approved are withheld: `changes` names them, and
    `approve` or `on_change` lets them in. Requests that the server has of us are refused but for
    those that `callbacks` has an answer to.

    :param where: as `llmring.mcp.client.address` takes it.
    :param prefix: before the names that models know the tools by, such as ``mcp_``.
    :param pins: where approved tools are kept; None for the user's own file.
    :param on_change: decides about tools that were added or changed, True letting them in; called
        where `tools` or `call_tool` is awaited.
    :raises ConfigurationError: the address cannot be used.
    """

    def __init__(
        self,
        where: str | os.PathLike[str] | Sequence[str] | ServerAddress,
        *,
        prefix: str = "",
        pins: PinStore | None = None,
        on_change: OnChange | None = None,
        limits: Limits | None = None,
        callbacks: Callbacks | None = None,
    ) -> None:
        self._address = address(where)
        self._prefix = prefix
        self._approvals = Approvals(self._address, pins or PinStore(), on_change)
        self._limits = limits or Limits()
        self._callbacks = callbacks or Callbacks()
        self._session: Session | None = None
        self._process = os.getpid()
        self._server_info: ServerInfo | None = None
        self._instructions: str | None = None
        self._offered: dict[str, types.Tool] | None = None
        self._generation = 0
        self._reading: concurrent.futures.Future[None] | None = None

    def __repr__(self) -> str:
        return f"MCPConnection({self._address.label!r})"

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @property
    def address(self) -> ServerAddress:
        """Where the server is."""
        return self._address

    @property
    def server_info(self) -> ServerInfo | None:
        """How the server names itself; None before the connection."""
        return self._server_info

    @property
    def instructions(self) -> str | None:
        """What the server says of its use, for models; None where it says nothing."""
        return self._instructions

    @property
    def changes(self) -> tuple[ToolChange, ...]:
        """How the tools differ from those that were approved, as of the last `tools`."""
        return self._approvals.changes

    async def connect(self) -> None:
        """Start or reach the server; again after `close`, or when the server has ended.

        :raises MCPError: it cannot be started or reached, or does not answer in time.
        :raises ConfigurationError: the SDK is not installed.
        """
        await self.close()
        handlers = Handlers(
            self._address, self._callbacks, asyncio.get_running_loop(), self._forget_tools
        )
        session = Session(self._address, handlers)
        client = await background.awaited(session.open(self._limits.connect_s))
        self._session, self._process = session, os.getpid()
        info = client.server_info
        self._server_info = ServerInfo(
            name=results.clean(info.name)[:_MAX_NAME_CHARS] if info else "",
            version=results.clean(info.version)[:_MAX_NAME_CHARS] if info else "",
            protocol=client.protocol_version,
        )
        said = client.instructions
        self._instructions = said and results.cut(results.clean(said), self._limits.text_bytes)

    async def close(self) -> None:
        """End the connection, and the server's program where it was started. Once is enough."""
        session, self._session = self._session, None
        self._forget_tools()
        if session is not None and self._process == os.getpid():
            await background.awaited(session.close())

    async def tools(self) -> list[Tool]:
        """The tools that models may call, read anew when the server says that they have changed.

        :raises MCPError: the server failed, or the approved tools cannot be read.
        """
        offered = await self._listed()
        withheld = self._approvals.withheld
        allowed = [tool for tool in offered.values() if tool.name not in withheld]
        names = legal_names(offered, self._prefix)
        return [self._tool(tool, names[tool.name]) for tool in allowed]

    async def approve(self, *tools: str | ToolChange) -> None:
        """Approve tools as they are now; of a `ToolChange`, only as it was told there.

        :param tools: the server's names of them, or what `changes` had, which nothing that the
            server does in the meantime can stand in for; none for all that were added or changed.
        :raises MCPError: there is no such tool, it has changed again, or it cannot be kept.
        """
        offered = {name: pin_of(tool) for name, tool in (await self._listed()).items()}
        for one in tools:
            name = one if isinstance(one, str) else one.tool
            if name not in offered:
                raise MCPError(self._says(f"has no tool {name!r}"))
            if isinstance(one, ToolChange) and one.digest != offered[name].digest:
                raise MCPError(self._says(f"has changed the tool {name!r} again; look at it anew"))
        names = [one if isinstance(one, str) else one.tool for one in tools]
        chosen = names or self._approvals.withheld
        await self._approvals.approve({name: offered[name] for name in chosen})

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> ToolResult:
        """Call a tool. Cancelling the call tells the server so.

        :param name: the server's name of it.
        :param timeout_s: seconds, progress included; None for that of the limits.
        :param on_progress: is told of progress, in the caller's event loop.
        :raises MCPError: there is no such tool, it is withheld, the server failed, or it took
            longer. A tool that fails says so in its result.
        """
        if name not in await self._listed():
            raise MCPError(self._says(f"has no tool {name!r}"))
        if name in self._approvals.withheld:
            raise MCPError(
                self._says(
                    f"has changed the tool {name!r} since it was approved; look at `changes`"
                )
            )
        told = None if on_progress is None else _teller(on_progress)
        given = dict(arguments or {})

        async def call(client: Client) -> types.CallToolResult:
            return await client.call_tool(name, given, progress_callback=told)

        answer = await self._ask(f"tool {name!r}", call, timeout_s)
        return results.tool_result(answer, self._limits)

    async def resources(self) -> list[Resource]:
        """What can be read. Empty for a server without resources.

        :raises MCPError: the server failed.
        """
        return await self._ask("resources", listing.resources)

    async def resource_templates(self) -> list[ResourceTemplate]:
        """What can be read once the gaps of its address are filled.

        :raises MCPError: the server failed.
        """
        return await self._ask("resource templates", listing.resource_templates)

    async def read_resource(self, uri: str) -> list[ResourceContents]:
        """What a resource holds.

        :raises MCPError: there is no such resource, it is too large, or the server failed.
        """

        async def read(client: Client) -> types.ReadResourceResult:
            return await client.read_resource(uri)

        what = f"resource {uri[:200]!r}"
        answer = await self._ask(what, read)
        try:
            return results.resource_contents(answer, self._limits)
        except ValueError as err:
            raise MCPError(self._says(str(err))) from err

    async def prompts(self) -> list[Prompt]:
        """The conversations' starts that the server has ready.

        :raises MCPError: the server failed.
        """
        return await self._ask("prompts", listing.prompts)

    async def get_prompt(
        self, name: str, arguments: Mapping[str, str] | None = None
    ) -> list[Message]:
        """The messages of a prompt, its gaps filled.

        :raises MCPError: there is no such prompt, an argument is missing, or the server failed.
        """
        given = dict(arguments or {})

        async def get(client: Client) -> types.GetPromptResult:
            return await client.get_prompt(name, given)

        answer = await self._ask(f"prompt {name!r}", get)
        return results.prompt_messages(answer, self._limits)

    async def ping(self) -> None:
        """Ask the server for a sign of life.

        :raises MCPError: there is none in time.
        """
        await self._ask("ping", listing.ping)

    async def _ask(
        self,
        what: str,
        question: Callable[[Client], Awaitable[T]],
        timeout_s: float | None = None,
    ) -> T:
        session = self._session
        if session is None:
            raise MCPError(self._says("is not connected; await connect() first"))
        if self._process != os.getpid():
            raise MCPError(self._says("was connected by this process's parent; connect anew"))
        limit = self._limits.call_s if timeout_s is None else timeout_s
        return await background.awaited(session.ask(what, question, limit))

    async def _listed(self) -> dict[str, types.Tool]:
        """The server's tools by its names, compared with those that were approved."""
        while (offered := self._offered) is None:
            reading = self._reading
            if reading is None:
                return await self._read()
            # Whoever asked first reads for all; the user is asked about a change once.
            await asyncio.shield(asyncio.wrap_future(reading))
        return offered

    async def _read(self) -> dict[str, types.Tool]:
        generation, reading = self._generation, concurrent.futures.Future[None]()
        self._reading = reading
        try:
            offered = await self._ask("tools", listing.tools)
            await self._approvals.review({name: pin_of(tool) for name, tool in offered.items()})
            if self._generation == generation:  # else it has changed, and is read anew
                self._offered = offered
        finally:
            self._reading = None
            reading.set_result(None)
        return offered

    def _tool(self, tool: types.Tool, name: str) -> Tool:
        return Tool(
            name=name,
            description=listing.description(tool),
            parameters=tool.input_schema,
            run=partial(self._run, tool.name),
            source=self._address.label,
        )

    async def _run(
        self, name: str, arguments: dict[str, Any], on_progress: OnProgress | None
    ) -> ToolResult:
        try:
            return await self.call_tool(name, arguments, on_progress=on_progress)
        except MCPError as err:
            raise ToolError(str(err), original=err) from err

    def _forget_tools(self) -> None:
        # Also in the session's thread. The count tells who is reading the list that it is old.
        self._generation += 1
        self._offered = None

    def _says(self, problem: str) -> str:
        return f"MCP server {self._address.label}: {problem}"


def _teller(on_progress: OnProgress) -> ProgressFnT:
    """The SDK's callback, which tells of progress in the event loop of who calls here."""
    loop = asyncio.get_running_loop()

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        told = Progress(progress, total, results.clean(message or ""))
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(on_progress, told)

    return tell
