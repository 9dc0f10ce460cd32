"""The MCP servers of a chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from llmring.cli.terminal_chat.work import result
from llmring.exceptions import MCPError
from llmring.mcp.client.connection import MCPConnection
from llmring.mcp.client.types import ToolChange
from llmring.mcp.tools import Tool
from local_llm_kit.cli.terminal import note, printable_line

if TYPE_CHECKING:
    from llmring.cli.terminal_chat.approvals import Ask
    from llmring.mcp.client.addresses import ServerAddress
    from llmring.mcp.client.enhanced import EnhancedLLM


@dataclass(eq=False, slots=True)
class Server:
    """A server, as the model's source of tools.

    :param connection: is made.
    :param told: changes of its tools that the user knows of.
    """

    connection: MCPConnection
    told: set[ToolChange] = field(default_factory=set)
    _is_there: bool = True

    @property
    def label(self) -> str:
        """The server's address, without secrets."""
        return self.connection.address.label

    async def tools(self) -> Sequence[Tool]:
        """Its tools; none once it was lost. One that has ended is started or reached again, once.

        :raises MCPError: it is lost from here on.
        """
        if not self._is_there:
            return []
        try:
            return await self.connection.tools()
        except MCPError:
            pass
        try:
            await self.connection.connect()
            return await self.connection.tools()
        except MCPError:
            self._is_there = False
            raise

    async def close(self) -> None:
        """End the connection."""
        self._is_there = False
        await self.connection.close()


class Servers:
    """The servers that a chat is connected to.

    :param llm: calls their tools, and closes the connections.
    :param ask: asks the user about tools that have changed.
    """

    def __init__(self, llm: EnhancedLLM, ask: Ask) -> None:
        self._llm = llm
        self._ask = ask
        self._servers: list[Server] = []

    @property
    def connections(self) -> list[MCPConnection]:
        """The connections, in the order in which they were made."""
        return [server.connection for server in self._servers]

    def connect(self, where: ServerAddress) -> MCPConnection:
        """Connect to a server, and let the model call its tools.

        :raises MCPError: the server cannot be started or reached, or it tells no tools.
        """
        connection = MCPConnection(where, prefix="mcp_")

        async def connect() -> None:
            try:
                await connection.connect()
                await connection.tools()
            except BaseException:
                await connection.close()
                raise

        result(connect)
        server = Server(connection)
        self._servers.append(server)
        self._llm.add_connection(server)
        self._review(server)
        return connection

    def review(self) -> None:
        """Ask about tools that were added or changed; tell which servers are lost."""
        for server in list(self._servers):
            try:
                result(server.tools)
            except MCPError as err:
                self._servers.remove(server)
                note(f"{err.message}; its tools are gone, /connect tries again")
            else:
                self._review(server)

    def _review(self, server: Server) -> None:
        for change in server.connection.changes:
            if change in server.told:
                continue
            server.told.add(change)
            note(change_text(server.label, change))
            if change.kind != "removed" and self._is_wanted(change):
                try:
                    result(partial(server.connection.approve, change))
                except MCPError as err:
                    # It is asked about anew, as it is then.
                    server.told.discard(change)
                    note(err.message)

    def _is_wanted(self, change: ToolChange) -> bool:
        answer = self._ask(f"let the model call {change.tool} as it is now?", ("y", "n"))
        if answer is None:
            note(f"({change.tool} is withheld: nobody can be asked here)")
        return answer == "y"


def change_text(label: str, change: ToolChange) -> str:
    """What has changed, all of it: a description is what the model obeys."""
    if change.kind == "removed":
        return f"{label} no longer has the tool {change.tool}"
    if change.kind == "added":
        return f"{label} has a new tool {change.tool}:\n{_shown(change.description)}"
    if change.description == change.approved:
        return f"{label} has changed the arguments or hints of its tool {change.tool}"
    return (
        f"{label} has changed its tool {change.tool}. It said:\n{_shown(change.approved)}\n"
        f"It says now:\n{_shown(change.description)}"
    )


def _shown(text: str) -> str:
    """A text with what nobody would see, and a model would: tags and marks of direction."""
    return "\n".join(map(printable_line, text.splitlines()))
