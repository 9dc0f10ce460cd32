"""The tools of a lockfile: `lockfile_tools`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any

from llmring.exceptions import LLMRingError, ToolError
from llmring.mcp.server.lockfile import aliases, listing
from llmring.mcp.server.lockfile.bench import Answer, Bench
from llmring.mcp.server.lockfile.draft import LockfileDraft
from llmring.mcp.server.lockfile.models import DraftModels
from llmring.mcp.server.lockfile.schemas import SCHEMAS, ToolSchema
from llmring.mcp.tools import OnProgress, Tool, ToolResult

_Function = Callable[[Bench, Mapping[str, Any]], Answer]

_FUNCTIONS: dict[str, _Function] = {
    "add_alias": aliases.add_alias,
    "remove_alias": aliases.remove_alias,
    "list_aliases": aliases.list_aliases,
    "assess_model": listing.assess_model,
    "analyze_costs": listing.analyze_costs,
    "save_lockfile": aliases.save_lockfile,
    "get_configuration": aliases.get_configuration,
    "get_available_providers": listing.get_available_providers,
    "list_models": listing.list_models,
    "filter_models_by_requirements": listing.filter_models,
    "get_model_details": listing.get_model_details,
}


def lockfile_tools(
    path: str | os.PathLike[str] | None = None,
    profile: str | None = None,
    *,
    registry_url: str | None = None,
) -> list[Tool]:
    """Tools that show a lockfile and change it. Nothing else is ever written.

    :param path: the lockfile; None for ``LLMRING_LOCKFILE_PATH``, else ``./llmring.lock``. One that
        is not there is made when it is saved.
    :param profile: the profile that is meant where a call names none; None for the one in use.
    :param registry_url: a registry of models, in place of the bundled one.
    :raises LockfileError: `path` or `profile` cannot be one.
    :raises ConfigurationError: no registry can be at `registry_url`.
    """
    return draft_tools(LockfileDraft(path, profile), registry_url=registry_url)


def draft_tools(draft: LockfileDraft, *, registry_url: str | None = None) -> list[Tool]:
    """As `lockfile_tools`, over a draft that the caller may look at: what is not saved yet."""
    bench = Bench(draft, DraftModels(draft, registry_url))
    return [_tool(schema, bench) for schema in SCHEMAS]


def _tool(schema: ToolSchema, bench: Bench) -> Tool:
    function = _FUNCTIONS[schema.name]

    async def run(arguments: dict[str, Any], _: OnProgress | None = None) -> ToolResult:
        # What models fill in for nothing is nothing.
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            await bench.models.prepare()
            # It reads files, and may wait for another writer.
            text, structured = await asyncio.to_thread(function, bench, given)
        except ToolError:
            raise
        except LLMRingError as err:
            raise ToolError(err.message, original=err) from err
        return ToolResult(text, structured=structured)

    return Tool(schema.name, schema.description, schema.parameters, run)
