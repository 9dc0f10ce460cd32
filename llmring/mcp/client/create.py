"""`create_enhanced_llm`: a model with the tools of MCP servers, made in one go."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmring.exceptions import ConfigurationError
from llmring.mcp.client.calls import Approve
from llmring.mcp.client.connection import MCPConnection
from llmring.mcp.client.enhanced import EnhancedLLM
from llmring.mcp.client.types import Limits, OnChange
from llmring.mcp.tools import Tool
from llmring.service import LLMRing

if TYPE_CHECKING:
    from llmring.conversations.protocol import ConversationStore
    from llmring.mcp.client.addresses import ServerAddress

    Where = str | os.PathLike[str] | Sequence[str] | ServerAddress


_logger = logging.getLogger("llmring.tools")

#: What the names of MCP servers' tools begin with.
PREFIX = "mcp_"
#: Longest call of a tool, in seconds, where there is to be no bound.
MAX_CALL_S = 86_400.0


async def create_enhanced_llm(
    model: str | None = None,
    mcp_server_path: str | os.PathLike[str] | None = None,
    *,
    llm_model: str | None = None,
    llmring_server_url: str | None = None,
    mcp_server_url: str | None = None,
    origin: str = "llmring",
    user_id: str | None = None,
    api_key: str | None = None,
    lockfile_path: str | os.PathLike[str] | None = None,
    mcp_servers: Iterable[Where | MCPConnection] = (),
    tools: Iterable[Callable[..., Any] | Tool] = (),
    system_prompt: str | None = None,
    max_tool_rounds: int = 5,
    approve: Approve | None = None,
    tool_timeout_s: float | None = 60.0,
    on_change: OnChange | None = None,
    store: ConversationStore | str | os.PathLike[str] | None = None,
) -> EnhancedLLM:
    """A model of the ring with the tools of MCP servers, which are started or reached now.

    ::

        llm = await create_enhanced_llm(model="fast", mcp_server_path="path/to/server.py")

    Its `close` ends the servers and frees the ring; ``async with`` does that by itself.

    :param model: an alias or ``provider:model``; None takes ``fast``. `llm_model` is the same.
    :param mcp_server_path: a script or program that is an MCP server, or any other address.
    :param llmring_server_url: address of an llmring server that keeps conversations, with its
        `api_key`.
    :param mcp_server_url: address of an MCP server that speaks streamable HTTP, or another.
    :param origin: who calls, for the usage log.
    :param user_id: whose conversations they are, where they are kept.
    :param lockfile_path: as for `LLMRing`.
    :param mcp_servers: further servers: addresses as `llmring.mcp.client.address` takes them, or
        connections, which `close` ends, too.
    :param on_change: decides about tools that a server has changed since they were first seen; None
        withholds them, which the log tells.
    :param store: where conversations are kept, as for `LLMRingSession`; None keeps none.
    :raises ConfigurationError: a value cannot work, or a package is not installed.
    :raises MCPError: a server cannot be started or reached.
    """
    if model is not None and llm_model is not None and model != llm_model:
        raise ConfigurationError(f"model is {model!r}, but llm_model {llm_model!r}; give one")
    given: list[Where | MCPConnection | None] = [mcp_server_path, mcp_server_url, *mcp_servers]
    connections = [
        one
        if isinstance(one, MCPConnection)
        else MCPConnection(one, prefix=PREFIX, on_change=on_change, limits=_limits(tool_timeout_s))
        for one in given
        if one is not None
    ]
    ring = _ring(origin, lockfile_path, llmring_server_url, api_key, user_id, store)
    try:
        llm = EnhancedLLM(
            ring,
            model or llm_model or "fast",
            tools=tools,
            connections=connections,
            system_prompt=system_prompt,
            max_tool_rounds=max_tool_rounds,
            approve=approve,
            tool_timeout_s=tool_timeout_s,
            owns_ring=True,
        )
    except BaseException:
        await ring.close()
        raise
    try:
        for connection in connections:
            await connection.connect()
        await llm.list_tools()
    except BaseException:
        await llm.close()
        raise
    for connection in connections:
        if changed := [one.tool for one in connection.changes if one.kind != "removed"]:
            _logger.warning("%r: withheld, for they are not as approved: %s", connection, changed)
    return llm


def _limits(timeout_s: float | None) -> Limits:
    """Limits of a connection that leave a call its time."""
    usual = Limits()
    longest_s = MAX_CALL_S if timeout_s is None else timeout_s + 1.0
    return replace(usual, call_s=max(usual.call_s, longest_s))


def _ring(
    origin: str,
    lockfile_path: str | os.PathLike[str] | None,
    server_url: str | None,
    api_key: str | None,
    owner: str | None,
    store: ConversationStore | str | os.PathLike[str] | None,
) -> LLMRing:
    """A ring that keeps conversations, where there is a place for them."""
    if server_url is None and store is None:
        return LLMRing(origin, lockfile_path=lockfile_path)
    from llmring.conversations.session import LLMRingSession

    owned: dict[str, Any] = {} if owner is None else {"owner": owner}
    return LLMRingSession(
        origin,
        lockfile_path=lockfile_path,
        server_url=server_url,
        api_key=api_key,
        store=store,
        **owned,
    )
