"""Any list of tools as an MCP server: what a client is told, and what is checked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from mcp import Client, types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from llmring.exceptions import ConfigurationError, LockfileError, ToolError
from llmring.mcp.client import listing
from llmring.mcp.server.offers import Offer, OfferedPrompt, OfferedResource
from llmring.mcp.server.serving import sdk_server
from llmring.mcp.tools import OnProgress, Progress, Tool, ToolResult

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def tool(run: Callable[..., Awaitable[ToolResult]], name: str = "tool") -> Tool:
    return Tool(name, "Does it.", SCHEMA, run)


def asked(offer: Offer, ask: Callable[[Client], Awaitable[Any]], mode: str = "auto") -> Any:
    """What a client of the SDK, in this process, is told."""

    async def main() -> Any:
        async with Client(sdk_server(offer), mode=mode) as client:
            try:
                return await ask(client)
            except MCPError as err:  # which the client's end would wrap in a group
                return err

    answer = asyncio.run(main())
    if isinstance(answer, MCPError):
        raise answer
    return answer


def called(run: Callable[..., Awaitable[ToolResult]], **arguments: Any) -> types.CallToolResult:
    """The result of a call."""
    arguments = arguments or {"n": 1}
    offer = Offer("test", [tool(run)])
    result = asked(offer, lambda client: client.call_tool("tool", arguments))
    assert isinstance(result, types.CallToolResult)
    return result


async def double(arguments: dict[str, Any], _: OnProgress | None) -> ToolResult:
    return ToolResult(str(2 * arguments["n"]), structured={"twice": 2 * arguments["n"]})


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_server_says_who_it_is_and_what_it_has(mode: str) -> None:
    async def ask(client: Client) -> Any:
        return client.server_info, client.instructions, (await client.list_tools()).tools

    info, instructions, (listed,) = asked(Offer("test", [tool(double)], "Double."), ask, mode)
    assert (info.name, instructions) == ("test", "Double.")
    assert (listed.name, listed.description, listed.input_schema) == ("tool", "Does it.", SCHEMA)


def test_a_result_comes_as_text_and_as_json() -> None:
    result = called(double, n=21)
    assert result.content == [types.TextContent(type="text", text="42")]
    assert (result.structured_content, result.is_error) == ({"twice": 42}, False)


@pytest.mark.parametrize(
    "arguments", [{"n": "1"}, {"m": 1}, {"n": 1, "m": 2}], ids=["type", "missing", "further"]
)
def test_arguments_that_do_not_fit_are_told_to_the_model(arguments: dict[str, Any]) -> None:
    result = called(double, **arguments)
    assert result.is_error
    assert "the arguments do not fit the tool's schema: at $" in result.content[0].text


def test_a_failed_call_is_told_to_the_model() -> None:
    async def fail(*_: Any) -> ToolResult:
        raise ToolError("no such number; give another")

    result = called(fail)
    assert (result.is_error, result.content[0].text) == (True, "no such number; give another")


def test_a_defect_is_told_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(*_: Any) -> ToolResult:
        raise RuntimeError("sk-secret")

    result = called(fail)
    assert (result.is_error, result.content[0].text) == (True, "the tool failed: RuntimeError")
    assert "the tool tool failed" in caplog.text


def test_images_are_passed_on() -> None:
    async def draw(*_: Any) -> ToolResult:
        parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
        return ToolResult([*parts, {"type": "input_audio"}])

    text, image, other = called(draw).content
    assert (text.text, image.mime_type, image.data) == ("a", "image/png", PIXEL[22:])
    assert other.text == "[input_audio is not passed on]"


def test_half_an_emoji_does_not_end_the_server() -> None:
    half = "a\ud83d"

    async def say(_: dict[str, Any], tell: OnProgress | None) -> ToolResult:
        assert tell is not None
        tell(Progress(1, None, half))
        return ToolResult(half, structured={half: [half, 1]})

    def fail() -> str:
        raise LockfileError(half)

    async def ask(client: Client) -> Any:
        result = await client.call_tool("tool", {"n": 1}, progress_callback=hear)
        with pytest.raises(MCPError) as caught:
            await client.read_resource("x://b")
        return result, await client.read_resource("x://a"), caught.value.error

    async def hear(*news: Any) -> None:
        heard.append(news[2])

    heard: list[str] = []
    resources = [
        OfferedResource("x://a", "a", "An a.", "text/plain", lambda: half),
        OfferedResource("x://b", "b", "A b.", "text/plain", fail),
    ]
    called, read, error = asked(Offer("test", [tool(say)], "", lambda: resources), ask)
    whole = "a\N{REPLACEMENT CHARACTER}"
    assert called.content[0].text == whole
    assert called.structured_content == {whole: [whole, 1]}
    assert (read.contents[0].text, error.message, heard) == (whole, whole, [whole])


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_progress_comes_in_order_before_the_result(mode: str) -> None:
    async def count(_: dict[str, Any], tell: OnProgress | None) -> ToolResult:
        assert tell is not None
        for n in range(3):
            tell(Progress(n, 3, f"step {n}"))
        return ToolResult("done")

    heard: list[tuple[float, float | None, str | None]] = []

    async def ask(client: Client) -> Any:
        async def hear(*news: Any) -> None:
            heard.append(news)

        return await client.call_tool("tool", {"n": 1}, progress_callback=hear)

    asked(Offer("test", [tool(count)]), ask, mode)
    assert heard == [(0, 3, "step 0"), (1, 3, "step 1"), (2, 3, "step 2")]


def test_a_client_that_gives_up_ends_the_call() -> None:
    async def main() -> bool:
        began, ended = asyncio.Event(), asyncio.Event()

        async def wait(*_: Any) -> ToolResult:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            raise AssertionError

        async with Client(sdk_server(Offer("test", [tool(wait)])), mode="legacy") as client:
            call = asyncio.create_task(client.call_tool("tool", {"n": 1}))
            await began.wait()
            call.cancel()
            async with asyncio.timeout(10):
                await ended.wait()
        return ended.is_set()

    assert asyncio.run(main())


def test_resources_and_prompts_are_read() -> None:
    resource = OfferedResource("x://a", "a", "An a.", "text/plain", lambda: "text")
    offer = Offer("test", [], "", lambda: [resource], [OfferedPrompt("p", "A p.", "Do it.")])

    async def ask(client: Client) -> Any:
        listed = (await client.list_resources()).resources, (await client.list_prompts()).prompts
        read = await client.read_resource("x://a"), await client.get_prompt("p")
        return *listed, *read

    (listed,), (prompt,), read, got = asked(offer, ask)
    assert (listed.uri, listed.name, listed.mime_type) == ("x://a", "a", "text/plain")
    assert (prompt.name, prompt.description) == ("p", "A p.")
    assert read.contents[0].text == "text"
    assert got.messages[0].content.text == "Do it."


@pytest.mark.parametrize(
    ("ask", "problem"),
    [
        (lambda client: client.call_tool("tol", {}), "no tool 'tol'; there are: tool"),
        (lambda client: client.read_resource("x://b"), "no resource 'x://b'; there are: none"),
        (lambda client: client.get_prompt("q"), "no prompt 'q'; there are: none"),
    ],
    ids=["tool", "resource", "prompt"],
)
def test_what_is_not_there_is_an_error_of_the_protocol(
    ask: Callable[[Client], Awaitable[Any]], problem: str
) -> None:
    with pytest.raises(MCPError, match=problem):
        asked(Offer("test", [tool(double)]), ask)


def test_a_resource_that_cannot_be_read_says_why() -> None:
    def fail() -> str:
        raise LockfileError("llmring.lock cannot be read")

    resource = OfferedResource("x://a", "a", "An a.", "text/plain", fail)
    offer = Offer("test", [], "", lambda: [resource])
    with pytest.raises(MCPError, match=r"llmring\.lock cannot be read"):
        asked(offer, lambda client: client.read_resource("x://a"))


def test_a_server_that_knows_nothing_of_templates_has_none() -> None:
    async def none(*_: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=[])

    async def main() -> Any:
        async with Client(Server("plain", on_list_resources=none)) as client:
            return await listing.resource_templates(client)

    assert asyncio.run(main()) == []


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="two tools are named 'tool'"):
        sdk_server(Offer("test", [tool(double), tool(double)]))


def test_without_the_sdk_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mcp.server.lowlevel", None)
    with pytest.raises(ConfigurationError, match=r"pip install '\.\[mcp\]'"):
        sdk_server(Offer("test", []))
