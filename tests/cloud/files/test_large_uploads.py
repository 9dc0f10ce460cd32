"""Uploads against servers that read slowly, or not at all, and what a large one takes."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from pathlib import Path

import pytest

from cloud import close_all_cloud_clients
from cloud.llm import AsyncOpenAICompatClient, InvalidRequestError, LLMTimeoutError
from cloud.llm.files import SLOWEST_BYTES_PER_S, upload_timeout_s
from LLM.exceptions import LLMConfigError
from LLM.upload import upload_url
from tests.cloud.files.uploads import KEY, TOLD, Twin, both_twins, uploaded
from tests.remote import wire
from tests.remote.scripted_server import Connection, ScriptedServer

pytestmark = pytest.mark.slow

#: More than the buffers of both sides of a connection on loopback.
LARGE_BYTES = 16 * 1024 * 1024


def deaf(connection: Connection) -> None:
    connection.wait(5.0)


def slow(connection: Connection) -> None:
    """Take a little at a time, so that each piece is sent within the deadline."""
    while connection.sock.recv(64 * 1024):
        connection.wait(0.02)


def refuse(connection: Connection) -> None:
    connection.sock.recv(1000)
    connection.send(wire.answer({"error": {"message": "too large"}}, 413))
    connection.close()


def sink(connection: Connection) -> None:
    """Take a request without keeping it, and answer."""
    buffer = bytearray(64 * 1024)
    with connection.sock.makefile("rb") as file:
        length = 0
        while (line := file.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        while length:
            length -= file.readinto(memoryview(buffer)[:length])
    connection.send(wire.answer(TOLD["OpenAICompat"]))
    connection.close()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that takes no room on the disk."""
    path = tmp_path / "a.pdf"
    with path.open("wb") as file:
        file.truncate(LARGE_BYTES)
    return path


@both_twins
@pytest.mark.parametrize("server_reads", [deaf, slow], ids=["deaf", "slow"])
def test_an_upload_ends_at_its_deadline(twin: Twin, server_reads: object, large: Path) -> None:
    with ScriptedServer((b"",), on_connect=[server_reads]) as server:
        settings = {"base_url": server.url}
        with pytest.raises(LLMTimeoutError, match=r"within 0\.3 s"):
            twin("OpenAICompat", "upload_file", large, timeout=0.3, client=settings)
    assert server.connections == 1


@both_twins
def test_a_refusal_before_the_connection_closes_is_told(twin: Twin, large: Path) -> None:
    server = ScriptedServer((b"",), on_connect=[refuse])
    with server, pytest.raises(InvalidRequestError, match="too large"):
        twin("OpenAICompat", "upload_file", large, client={"base_url": server.url})


@both_twins
def test_a_large_file_is_never_whole_in_memory(twin: Twin, large: Path) -> None:
    with ScriptedServer((b"",), on_connect=[sink]) as server:
        tracemalloc.start()
        try:
            found = twin("OpenAICompat", "upload_file", large, client={"base_url": server.url})
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert found == uploaded("OpenAICompat")
    assert peak_bytes < LARGE_BYTES / 4


def test_a_cancelled_upload_leaves_the_connection(large: Path) -> None:
    left = threading.Event()

    def watch(connection: Connection) -> None:
        while connection.sock.recv(64 * 1024):
            connection.wait(0.001)
        left.set()

    async def run(url: str) -> None:
        client = AsyncOpenAICompatClient(api_key=KEY, base_url=url)
        task = asyncio.create_task(client.upload_file(large))
        while not server.connections:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await close_all_cloud_clients()

    with ScriptedServer((b"",), on_connect=[watch]) as server:
        asyncio.run(run(server.url))
        assert left.wait(5.0)


@pytest.mark.parametrize("timeout", [0, -1, "1", float("inf"), True], ids=repr)
@both_twins
def test_a_bad_timeout_is_refused(twin: Twin, timeout: object) -> None:
    settings = {"base_url": "http://127.0.0.1:1"}
    with pytest.raises(InvalidRequestError, match="timeout"):
        twin("OpenAICompat", "upload_file", b"x", timeout=timeout, client=settings)


def test_a_large_file_has_the_time_that_a_slow_line_takes() -> None:
    assert upload_timeout_s(120.0, 1000) == 120.0
    assert upload_timeout_s(120.0, 512_000_000) == 512_000_000 / SLOWEST_BYTES_PER_S


@pytest.mark.parametrize("target", ["http://b/x", "http://a.b/x", "https://a/x", "//b/x", "x"])
def test_no_transport_takes_an_upload_elsewhere(target: str) -> None:
    if target.startswith("/"):
        assert upload_url(target, "http://a/v1", "http://a") == "http://a/v1//b/x"
        return
    with pytest.raises(LLMConfigError, match="would leave http://a"):
        upload_url(target, "http://a/v1", "http://a")
