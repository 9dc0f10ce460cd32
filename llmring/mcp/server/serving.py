"""Serving tools to MCP clients, over standard input and output or streamable HTTP.

On the official SDK. What a client sends is checked here: an unknown tool is an error of the
protocol, arguments that do not fit and calls that fail are told to the model.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from LLM._version import __version__
from LLM.exceptions import LLMError
from LLM.extras import how_to_add
from llmring.exceptions import ConfigurationError
from llmring.mcp.server.offers import Offer
from llmring.mcp.tools import OnProgress, Progress, Tool, ToolResult
from llmring.structured.arguments import argument_check

if TYPE_CHECKING:
    from mcp import types
    from mcp.server.context import ServerRequestContext
    from mcp.server.lowlevel import Server

_logger = logging.getLogger("llmring.mcp")
#: Most news of progress that may wait for a slow client; the rest is dropped.
_MAX_NEWS = 100
#: Halves of pairs of UTF-16, which models and names of files have. The SDK's writer ends by one.
_HALVES = re.compile(r"[\ud800-\udfff]")

NamedT = TypeVar("NamedT")


def sdk_server(offer: Offer) -> Server[Any]:
    """A server of the SDK that offers `offer`, for any of its transports.

    :raises ConfigurationError: two tools have one name, or the SDK is not installed.
    """
    try:
        from mcp.server.lowlevel import Server
    except ModuleNotFoundError as err:
        raise ConfigurationError(
            f"serving MCP takes {err.name}, which is not installed; {how_to_add('mcp')}",
            original=err,
        ) from err
    handlers = _Handlers(offer)
    return Server(
        offer.name,
        version=__version__,
        instructions=offer.instructions or None,
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        on_list_resources=handlers.list_resources,
        on_list_resource_templates=handlers.list_resource_templates,
        on_read_resource=handlers.read_resource,
        on_list_prompts=handlers.list_prompts,
        on_get_prompt=handlers.get_prompt,
    )


async def serve_stdio(offer: Offer) -> None:
    """Serve one client on standard input and output, until it closes them.

    :raises ConfigurationError: as `sdk_server`.
    """
    server = sdk_server(offer)
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


class _Handlers:
    """Answers requests, in the protocol's words."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._tools = {tool.name: tool for tool in offer.tools}
        if len(self._tools) != len(offer.tools):
            names = [tool.name for tool in offer.tools]
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigurationError(f"two tools are named {twice!r}; a server's names must differ")
        self._checks = {name: argument_check(tool.parameters) for name, tool in self._tools.items()}

    async def list_tools(self, *_: Any) -> types.ListToolsResult:
        from mcp import types

        tools = [
            types.Tool(name=one.name, description=one.description, input_schema=one.parameters)
            for one in self._tools.values()
        ]
        return types.ListToolsResult(tools=tools)

    async def call_tool(
        self, ctx: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = self._tools.get(params.name)
        if tool is None:
            raise _unknown("tool", params.name, list(self._tools))
        arguments = params.arguments or {}
        if misfit := self._checks[tool.name](arguments):
            problem = f"the arguments do not fit the tool's schema: {misfit}; mend them"
            return _call_result(ToolResult(problem, is_error=True))
        async with _progress(ctx) as tell:
            return _call_result(await _run(tool, arguments, tell))

    async def list_resources(self, *_: Any) -> types.ListResourcesResult:
        from mcp import types

        resources = [
            types.Resource(
                uri=one.uri, name=one.name, description=one.description, mime_type=one.mime_type
            )
            for one in await _asked(self._offer.resources)
        ]
        return types.ListResourcesResult(resources=resources)

    async def list_resource_templates(self, *_: Any) -> types.ListResourceTemplatesResult:
        from mcp import types

        # Clients ask for them wherever there are resources, and some take a refusal ill.
        return types.ListResourceTemplatesResult(resource_templates=[])

    async def read_resource(
        self, _: ServerRequestContext[Any, Any], params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        from mcp import types

        resources = {one.uri: one for one in await _asked(self._offer.resources)}
        found = resources.get(str(params.uri))
        if found is None:
            raise _unknown("resource", str(params.uri), list(resources))
        text = _sent(await _asked(found.read))
        contents = types.TextResourceContents(uri=found.uri, mime_type=found.mime_type, text=text)
        return types.ReadResourceResult(contents=[contents])

    async def list_prompts(self, *_: Any) -> types.ListPromptsResult:
        from mcp import types

        prompts = [
            types.Prompt(name=one.name, description=one.description) for one in self._offer.prompts
        ]
        return types.ListPromptsResult(prompts=prompts)

    async def get_prompt(
        self, _: ServerRequestContext[Any, Any], params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        from mcp import types

        prompts = {one.name: one for one in self._offer.prompts}
        found = prompts.get(params.name)
        if found is None:
            raise _unknown("prompt", params.name, list(prompts))
        content = types.TextContent(type="text", text=found.text)
        message = types.PromptMessage(role="user", content=content)
        return types.GetPromptResult(description=found.description, messages=[message])


async def _run(tool: Tool, arguments: dict[str, Any], tell: OnProgress) -> ToolResult:
    """What a tool gives, or says of its failure."""
    try:
        return await tool.run(arguments, tell)
    except LLMError as err:
        return ToolResult(err.message, is_error=True)
    except Exception as err:
        # The message may hold what is no client's business.
        _logger.exception("the tool %s failed", tool.name)
        return ToolResult(f"the tool failed: {type(err).__name__}", is_error=True)


@contextlib.asynccontextmanager
async def _progress(ctx: ServerRequestContext[Any, Any]) -> AsyncIterator[OnProgress]:
    """Passes a call's progress on, in order; all of it before the result."""
    news: asyncio.Queue[Progress | None] = asyncio.Queue()

    def tell(progress: Progress) -> None:
        if news.qsize() < _MAX_NEWS:
            news.put_nowait(progress)

    async def pass_on() -> None:
        while (one := await news.get()) is not None:
            await ctx.session.report_progress(one.done, one.total, _sent(one.message) or None)

    passing = asyncio.create_task(pass_on())
    try:
        yield tell
        news.put_nowait(None)
        await passing
    finally:
        passing.cancel()


async def _asked(read: Callable[[], NamedT]) -> NamedT:
    """What a function gives, in a thread; its errors as the protocol has them."""
    from mcp.shared.exceptions import MCPError
    from mcp.types import INTERNAL_ERROR

    try:
        return await asyncio.to_thread(read)
    except LLMError as err:
        raise MCPError(INTERNAL_ERROR, _sent(err.message)) from err


def _unknown(kind: str, name: str, known: Sequence[str]) -> Exception:
    """The error for what is not there; the caller raises it."""
    from mcp.shared.exceptions import MCPError
    from mcp.types import INVALID_PARAMS

    there = ", ".join(known[:50]) or "none"
    return MCPError(INVALID_PARAMS, f"there is no {kind} {name[:100]!r}; there are: {there}")


def _call_result(result: ToolResult) -> types.CallToolResult:
    from mcp import types

    parts = result.content if isinstance(result.content, list) else [_text(result.content)]
    return types.CallToolResult(
        content=[_block(part) for part in parts],
        structured_content=_sent(result.structured),
        is_error=result.is_error,
    )


def _sent(value: Any) -> Any:
    """A text, or a value of JSON, with U+FFFD for what no UTF-8 has."""
    if isinstance(value, str):
        return _HALVES.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {_sent(name): _sent(one) for name, one in value.items()}
    return list(map(_sent, value)) if isinstance(value, list | tuple) else value


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _block(part: dict[str, Any]) -> types.ContentBlock:
    """A content part of the ring, as the protocol has it: text, or an image within a data URL."""
    from mcp import types

    if part.get("type") == "text":
        return types.TextContent(type="text", text=_sent(str(part.get("text", ""))))
    image = part.get("image_url")
    url = image.get("url", "") if isinstance(image, dict) else ""
    head, comma, data = url.partition(";base64,")
    if comma and head.startswith("data:image/"):
        return types.ImageContent(type="image", data=data, mime_type=head.removeprefix("data:"))
    return types.TextContent(type="text", text=f"[{part.get('type')} is not passed on]")
