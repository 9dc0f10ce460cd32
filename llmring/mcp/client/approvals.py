"""Which of a server's tools are approved: those pinned at first, and what somebody says yes to."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping

from llmring.mcp.client.addresses import ServerAddress
from llmring.mcp.client.pins import Pin, PinStore, changes
from llmring.mcp.client.types import OnChange, ToolChange


class Approvals:
    """The approved tools of one server.

    :param store: where they are kept.
    :param on_change: decides about what was added or changed; None withholds it.
    """

    def __init__(self, address: ServerAddress, store: PinStore, on_change: OnChange | None) -> None:
        self._address = address
        self._store = store
        self._on_change = on_change
        self.changes: tuple[ToolChange, ...] = ()

    @property
    def withheld(self) -> tuple[str, ...]:
        """The server's names of the tools that were added or changed, and not approved yet."""
        return tuple(change.tool for change in self.changes if change.kind != "removed")

    async def review(self, offered: Mapping[str, Pin]) -> None:
        """Compare what a server offers with what was approved; all is, if it was never seen.

        :raises MCPError: the approved tools cannot be read or kept.
        """
        # In a thread: the file may have to be waited for, while another process writes it.
        approved = await asyncio.to_thread(self._store.approved, self._address.identity)
        if approved is None:
            await self._keep(offered)
            return
        self.changes = tuple(changes(approved, offered))
        yes = [change.tool for change in self.changes if await self._says_yes(change)]
        await self.approve({name: offered[name] for name in yes})

    async def approve(self, tools: Mapping[str, Pin]) -> None:
        """Approve tools as they are in `tools`.

        :raises MCPError: they cannot be kept.
        """
        if tools:
            await self._keep(tools)
        self.changes = tuple(change for change in self.changes if change.tool not in tools)

    async def _keep(self, tools: Mapping[str, Pin]) -> None:
        address = self._address
        await asyncio.to_thread(self._store.approve, address.identity, address.label, tools)

    async def _says_yes(self, change: ToolChange) -> bool:
        if self._on_change is None or change.kind == "removed":
            return False
        answer = self._on_change(change)
        return (await answer if inspect.isawaitable(answer) else answer) is True
