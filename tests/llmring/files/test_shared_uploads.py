"""One upload serves all who wait for it, and what is sent is what was hashed."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cloud import close_all_cloud_clients
from llmring import FileProcessingError, LLMRing
from llmring.exceptions import ProviderServerError
from llmring.files.flights import SharedFlights
from llmring.files.hashed import HashedStream
from llmring.files.reading import open_file
from llmring.files.rules import FileRules
from llmring.files.uploads import hash_of
from llmring.schemas import LLMRequest, Message
from tests.llmring.files.contents import PDF
from tests.llmring.files.keeper import Keeper
from tests.remote import wire

pytestmark = pytest.mark.slow

OPENAI = "openai:gpt-6-luna"


@pytest.fixture(autouse=True)
def pdf(keeper: Keeper) -> None:
    Path("a.pdf").write_bytes(PDF)


@pytest.fixture
def held(keeper: Keeper) -> tuple[threading.Event, threading.Event]:
    """Uploads wait at the server: whether one has arrived, and what lets it go on."""
    arrived, go_on = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        arrived.set()
        assert go_on.wait(10)

    keeper.on_upload = hold
    return arrived, go_on


def about(file_id: str) -> LLMRequest:
    said = [Message(role="user", content="Sum up")]
    return LLMRequest(model=OPENAI, messages=said, files=[file_id])


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 10)


async def until_waiting(ring: LLMRing, n_waiting: int) -> None:
    """Wait until so many calls wait for the upload that is under way."""
    flights = ring._caller.files._flights._flights
    while [flight.n_waiting for flight in list(flights.values())] != [n_waiting]:
        await asyncio.sleep(0)


def in_loop(use: Callable[[LLMRing], Any]) -> Any:
    async def main() -> Any:
        async with LLMRing() as ring:
            result = await use(ring)
        await close_all_cloud_clients()
        return result

    return asyncio.run(main())


def test_tasks_that_need_a_file_at_once_share_its_upload(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> list[str]:
        file_id = ring.register_file("a.pdf")
        answers = await asyncio.gather(*(ring.chat(about(file_id)) for _ in range(10)))
        return [answer.content for answer in answers]

    assert in_loop(use) == ["Hello!"] * 10
    assert len(keeper.uploads) == 1


def test_threads_that_need_a_file_at_once_share_its_upload(keeper: Keeper) -> None:
    ring = LLMRing()
    file_id = ring.register_file("a.pdf")

    def ask(_: int) -> str:
        async def main() -> str:
            answer = await ring.chat(about(file_id))
            await close_all_cloud_clients()
            return answer.content

        return asyncio.run(main())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(8))) == ["Hello!"] * 8
    assert ring.chat(about(file_id)).content == "Hello!"  # without a loop of the caller's
    assert len(keeper.uploads) == 1


def test_who_leaves_does_not_take_the_upload_from_the_others(keeper: Keeper, held: Any) -> None:
    arrived, go_on = held

    async def use(ring: LLMRing) -> str:
        file_id = ring.register_file("a.pdf")
        first = asyncio.create_task(_chat(ring, file_id))
        await until(arrived)
        second = asyncio.create_task(_chat(ring, file_id))
        await until_waiting(ring, 2)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        go_on.set()
        return await second

    assert in_loop(use) == "Hello!"
    assert len(keeper.uploads) == 1


async def _chat(ring: LLMRing, file_id: str) -> str:
    return (await ring.chat(about(file_id))).content


def test_a_waiters_loop_may_end_before_the_upload(keeper: Keeper, held: Any) -> None:
    arrived, go_on = held
    ring = LLMRing()
    file_id = ring.register_file("a.pdf")

    async def leave() -> None:
        task = asyncio.create_task(_chat(ring, file_id))
        await until(arrived)
        started.set()
        await until(joined)
        task.cancel()

    started, joined = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(leave()))
    thread.start()
    started.wait(10)

    async def stay() -> str:
        task = asyncio.create_task(_chat(ring, file_id))
        await until_waiting(ring, 2)
        joined.set()
        await asyncio.to_thread(thread.join, 10)
        go_on.set()
        answer = await task
        await close_all_cloud_clients()
        return answer

    assert asyncio.run(stay()) == "Hello!"
    assert len(keeper.uploads) == 1


def test_the_last_who_leaves_ends_the_work() -> None:
    flights: SharedFlights[None] = SharedFlights()
    begun, ended = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def main() -> None:
        tasks = [asyncio.create_task(flights.result("key", work)) for _ in range(3)]
        await until(begun)
        for n, task in enumerate(tasks):
            assert not ended.is_set(), n
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await until(ended)

    asyncio.run(main())
    assert flights._flights == {}


def test_each_who_waits_gets_an_error_of_its_own() -> None:
    flights: SharedFlights[None] = SharedFlights()

    async def work() -> None:
        raise FileProcessingError("broken", details={"why": 1})

    async def main() -> list[Any]:
        tasks = [flights.result("key", work) for _ in range(2)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second = asyncio.run(main())
    assert isinstance(first, FileProcessingError)
    assert (first.message, second.details) == ("broken", {"why": 1})
    assert first is not second


def test_a_failed_upload_is_tried_again_by_the_next_call(keeper: Keeper) -> None:
    keeper.refusals["POST /v1/files"] = wire.answer({"error": {"message": "down"}}, 500)

    async def use(ring: LLMRing) -> str:
        file_id = ring.register_file("a.pdf")
        with pytest.raises(ProviderServerError):
            await ring.chat(about(file_id))
        keeper.refusals.clear()
        return await _chat(ring, file_id)

    assert in_loop(use) == "Hello!"
    assert len(keeper.uploads) == 1


def test_a_file_that_is_deregistered_during_its_upload_leaves_no_copy(
    keeper: Keeper, held: Any
) -> None:
    arrived, go_on = held

    async def use(ring: LLMRing) -> None:
        file_id = ring.register_file("a.pdf")
        asking = asyncio.create_task(_chat(ring, file_id))
        await until(arrived)
        deregistering = asyncio.create_task(ring.deregister_file(file_id))
        while ring.list_registered_files():
            await asyncio.sleep(0)
        go_on.set()
        assert await deregistering
        with pytest.raises(FileProcessingError, match="deregistered while"):
            await asking

    in_loop(use)
    assert (len(keeper.uploads), keeper.ids, keeper.deleted) == (1, [], ["file-o0"])


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_hashed_stream_gives_the_content_as_often_as_it_is_read() -> None:
    with open_file("a.pdf", FileRules()) as file:
        stream = HashedStream(file, digest(PDF))
        assert (stream.readable(), stream.seekable()) == (True, True)
        assert (stream.seek(0, io.SEEK_END), stream.tell()) == (len(PDF), len(PDF))
        stream.seek(0)
        assert stream.read(5) == PDF[:5]
        for _ in range(2):
            stream.seek(0)
            assert stream.read() == PDF
        stream.close()
        with pytest.raises(ValueError, match="closed"):
            stream.read(1)


@pytest.mark.parametrize("change", [b"X" + PDF[1:], PDF + b"more"], ids=["written over", "grown"])
def test_a_hashed_stream_never_completes_another_content(change: bytes) -> None:
    with open_file("a.pdf", FileRules()) as file:
        stream = HashedStream(file, digest(PDF))
        first = stream.read(4)
        with open("a.pdf", "r+b") as other:
            other.write(change)
        stream.seek(0)
        assert first == PDF[:4]
        assert stream.read(4) == change[:4]
        with pytest.raises(OSError, match="has changed"):
            stream.readall()
        assert stream.changed


def test_a_file_that_changes_between_hash_and_upload_is_not_sent(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hash_and_change(path: str) -> str:
        found = hash_of(path)
        stat = os.stat(path)
        with open(path, "r+b") as file:  # in place, as long as before, and as old
            file.write(b"%PDF-9")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        return found

    monkeypatch.setattr("llmring.files.registry.hash_of", hash_and_change)

    async def use(ring: LLMRing) -> None:
        file_id = ring.register_file("a.pdf")
        with pytest.raises(FileProcessingError, match=r"a\.pdf' has changed while it was read"):
            await ring.chat(about(file_id))

    in_loop(use)
    assert keeper.uploads == []
    assert keeper.world.models() == []


def test_no_descriptor_is_left_open(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> None:
        for n in range(3):
            Path("a.pdf").write_bytes(PDF + bytes([n]))
            file_id = ring.register_file("a.pdf")
            await ring.chat(about(file_id))
            await ring.deregister_file(file_id)

    in_loop(use)
    gc.collect()
    mine = str(Path("a.pdf").absolute())
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    assert mine not in [os.readlink(link) for link in links if os.path.lexists(link)]


_KILLED = """
import os, signal, sys
from llmring import LLMRequest, LLMRing, Message

ring = LLMRing()
file_id = ring.register_file("large.pdf")
message = Message(role="user", content="Sum up")
answer = ring.chat(LLMRequest(model="openai:gpt-6-luna", messages=[message], files=[file_id]))
print(answer.content)
"""


def test_kill_9_during_an_upload_leaves_no_file(keeper: Keeper, held: Any, tmp_path: Path) -> None:
    arrived, go_on = held
    (tmp_path / "large.pdf").write_bytes(PDF + bytes(3 * 1024**2))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = sorted(os.listdir(tmp_path))
    environ = {**os.environ, "TMPDIR": str(temporary), "HOME": str(temporary),
               "PYTHONPATH": str(Path(__file__).parents[3])}  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", _KILLED], env=environ, cwd=tmp_path)
    try:
        assert arrived.wait(20)
    finally:
        process.kill()
        process.wait(10)
        go_on.set()
    assert list(temporary.rglob("*")) == []
    assert sorted(os.listdir(tmp_path)) == before
