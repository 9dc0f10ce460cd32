"""The lockfile's server, driven by the SDK's client over stdio and streamable HTTP."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from llmring.exceptions import ConfigurationError
from llmring.lockfile import load
from llmring.mcp.server.http import LoopbackServer
from llmring.mcp.server.lockfile.serving import lockfile_offer
from llmring.mcp.server.offers import Offer
from tests.llmring.cli.support import ROOT, run, start
from tests.llmring.mcp.lockfile.workbench import LOCKFILE
from tests.llmring.mcp.serving.served import serving

pytestmark = pytest.mark.slow

INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "llmring.lock"
    path.write_text(LOCKFILE)
    return path


async def change_and_save(client: Client) -> None:
    """What a client does that binds an alias."""
    assert len((await client.list_tools()).tools) == 11
    uris = [one.uri for one in (await client.list_resources()).resources]
    assert uris == [
        f"llmring://lockfile{rest}" for rest in ("", "/profiles/default", "/profiles/dev")
    ]
    assert "You help the user" in (await client.get_prompt("advisor")).messages[0].content.text
    await client.call_tool("add_alias", {"alias": "mine", "models": "local:tiny"})
    profile = await client.read_resource("llmring://lockfile/profiles/default")
    assert json.loads(profile.contents[0].text)["aliases"]["mine"] == ["local:tiny"]
    whole = await client.read_resource("llmring://lockfile")
    assert whole.contents[0].text.startswith("# whose it is\n")
    saved = await client.call_tool("save_lockfile", {})
    assert "mine (profile default): none -> local:tiny" in saved.content[0].text


def is_saved(path: Path) -> bool:
    return load(path).profiles["default"].binding("mine") is not None


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        (["llmring.mcp.server.lockfile_server"], "auto"),
        (["llmring", "mcp", "lockfile-server"], "legacy"),
    ],
    ids=["module", "command"],
)
def test_over_stdio(path: Path, words: list[str], mode: str) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", *words, "--path", str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    async def main() -> None:
        async with Client(server, mode=mode) as client:
            await change_and_save(client)

    asyncio.run(main())
    assert is_saved(path)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_over_http(path: Path, mode: str) -> None:
    async def main() -> None:
        async with serving(lockfile_offer(path)) as url, Client(url, mode=mode) as client:
            await change_and_save(client)

    asyncio.run(main())
    assert is_saved(path)


def test_the_command_serves_http_until_it_is_told_to_stop(path: Path) -> None:
    process = start("mcp", "lockfile-server", "--path", str(path), "--http", "0")
    url = process.stderr.readline().split()[-1]

    async def main() -> None:
        async with Client(url) as client:
            await change_and_save(client)
            # With a client that waits for news.
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait, 20)

    asyncio.run(main())
    assert (process.returncode, *process.communicate()) == (0, "", "")


def answered(headers: dict[str, str], key_file: Path | None = None, path: str = "/mcp") -> int:
    """The status of an answer to a client that begins."""

    def ask(url: str) -> int:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        accept = "application/json, text/event-stream"
        given = {"Content-Type": "application/json", "Accept": accept, **headers}
        connection.request("POST", path, json.dumps(INITIALIZE), given)
        status = connection.getresponse().status
        connection.close()
        return status

    async def main() -> int:
        async with serving(Offer("test", []), key_file) as url:
            return await asyncio.to_thread(ask, url)

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost"}, 421),
        ({"Host": "evil.example:80"}, 403),
        ({"Host": "127.0.0.1.evil.example:80"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1.evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 400),
        ({"Content-Length": str(1 << 30)}, 413),
    ],
    ids=str,
)
def test_pages_and_strange_requests_are_refused(headers: dict[str, str], status: int) -> None:
    assert answered(headers) == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer sk-own"}, 200),
        ({"X-API-Key": "sk-own"}, 200),
    ],
)
def test_a_key_is_asked_for_where_there_is_one(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("# mine\nsk-own\n")
    assert answered(headers, keys) == status


def test_a_client_with_the_key_is_served(tmp_path: Path, path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("sk-own\n")

    async def main() -> None:
        headers = {"Authorization": "Bearer sk-own"}
        async with (
            serving(lockfile_offer(path), keys) as url,
            httpx2.AsyncClient(headers=headers) as http_client,
            Client(streamable_http_client(url, http_client=http_client)) as client,
        ):
            await change_and_save(client)

    asyncio.run(main())


def test_a_server_that_is_stopped_before_it_runs_ends_at_once() -> None:
    server = LoopbackServer(Offer("test", []))
    server.stop()
    asyncio.run(asyncio.wait_for(server.run(), 20))


def test_a_port_that_is_taken_is_one_error() -> None:
    first = LoopbackServer(Offer("test", []))
    try:
        with pytest.raises(ConfigurationError, match="cannot listen on"):
            LoopbackServer(Offer("test", []), urlsplit(first.url).port or 0)
    finally:
        first.close()


def test_keys_that_cannot_be_read_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        LoopbackServer(Offer("test", []), api_key_file=tmp_path / "none.txt")


def test_keys_without_http_are_wrong_usage() -> None:
    result = run("mcp", "lockfile-server", "--api-key-file", "keys.txt")
    assert (result.exit_code, "--api-key-file is for --http" in result.stderr) == (2, True)
