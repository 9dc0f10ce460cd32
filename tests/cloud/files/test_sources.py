"""What can be uploaded, under which name and type, and what becomes of a file that changes."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloud.llm import InvalidRequestError
from cloud.llm.file_source import PIECE_BYTES, FileSource
from tests.cloud.files.uploads import KEY, TOLD, Twin, both_twins
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer
from tests.remote.test_secrets import assert_no_key, traces

CONTENT = bytes(range(256)) * 4 * 1024  # 1 MiB, more than one piece


class Liar(io.BytesIO):
    """A file that is not as long as it says."""

    def __init__(self, content: bytes, said: int) -> None:
        super().__init__(content)
        self._said = said

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._said if whence == os.SEEK_END else super().seek(offset, whence)


SOURCES: dict[str, Callable[[Path], Any]] = {
    "str": str,
    "Path": lambda path: path,
    "bytes": Path.read_bytes,
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memoryview": lambda path: memoryview(path.read_bytes()),
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_any_source_is_read_whole(make: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(CONTENT)
    with FileSource(make(path)) as file:
        assert file.size_bytes == len(CONTENT)
        pieces = list(file.pieces())
    assert b"".join(pieces) == CONTENT
    assert max(map(len, pieces)) == PIECE_BYTES


def test_an_open_file_is_read_from_its_position_and_stays_open() -> None:
    with tempfile.TemporaryFile() as opened:
        opened.write(CONTENT)
        opened.seek(1000)
        with FileSource(opened) as file:
            assert b"".join(file.pieces()) == CONTENT[1000:]
            assert b"".join(file.pieces()) == CONTENT[1000:], "for another try"
        assert not opened.closed


@pytest.mark.parametrize(
    ("arguments", "name", "media_type"),
    [
        ({}, "né.txt", "text/plain"),
        ({"filename": "b.pdf"}, "b.pdf", "application/pdf"),
        ({"media_type": "text/x-a; q=1"}, "né.txt", "text/x-a; q=1"),
        ({"filename": "b"}, "b", "application/octet-stream"),
    ],
)
def test_name_and_type_are_those_of_the_path(
    arguments: dict[str, str], name: str, media_type: str, tmp_path: Path
) -> None:
    path = tmp_path / "né.txt"
    path.write_bytes(b"x")
    with FileSource(path, **arguments) as file, path.open("rb") as opened:
        assert (file.filename, file.media_type) == (name, media_type)
        assert FileSource(opened, **arguments).filename == name


@pytest.mark.parametrize(
    ("media_type", "name"), [(None, "unnamed"), ("application/pdf", "unnamed.pdf")]
)
def test_content_without_a_name_gets_the_ending_of_its_type(
    media_type: str | None, name: str
) -> None:
    assert FileSource(b"x", media_type=media_type).filename == name


def test_a_name_that_is_no_unicode_is_sent_as_one(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/a\xff.txt"
    Path(os.fsdecode(path)).write_bytes(b"x")
    with FileSource(os.fsdecode(path)) as file:
        assert file.filename == "a?.txt"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (7, "source is a int"),
        (None, "source is a NoneType"),
        ("", "cannot be opened"),
        ("a\0b", "cannot be opened"),
        ("/nowhere/a.pdf", "No such file"),
        ("/", "a folder or a device"),
        ("/dev/zero", "a folder or a device"),
        (b"", "source has no bytes"),
        pytest.param(io.StringIO("text"), "mode 'rb'", id="a stream of text"),
    ],
    ids=repr,
)
def test_what_cannot_be_sent_is_refused(source: Any, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        FileSource(source)


def test_a_pipe_without_a_writer_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidRequestError, match="a folder or a device"):
        FileSource(tmp_path / "pipe")


def test_a_stream_without_a_size_is_refused() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe, pytest.raises(InvalidRequestError, match="no size"):
        FileSource(pipe)


def test_a_file_at_its_end_is_refused() -> None:
    written = io.BytesIO()
    written.write(b"content")
    with pytest.raises(InvalidRequestError, match=r"seek\(0\)"):
        FileSource(written)


@pytest.mark.parametrize("argument", ["filename", "media_type"])
@pytest.mark.parametrize("value", ["", 7, b"a", "a\0", "\ud800"], ids=repr)
def test_a_bad_name_or_type_is_refused(argument: str, value: Any) -> None:
    with pytest.raises(InvalidRequestError, match=argument):
        FileSource(b"x", **{argument: value})


@pytest.mark.parametrize("media_type", ["pdf", "a/b\r\nX: y", "a/b; \n", "é/b", "a/b c"])
def test_a_type_that_would_end_its_line_is_refused(media_type: str) -> None:
    with pytest.raises(InvalidRequestError, match="media_type"):
        FileSource(b"x", media_type=media_type)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda path: os.truncate(path, PIECE_BYTES + 1), "it ends after"),
        (lambda path: os.truncate(path, len(CONTENT) + 1), "it goes on after"),
        (lambda path: os.utime(path, ns=(1, 1)), "it was written to"),
    ],
    ids=["shrinks", "grows", "is written to"],
)
def test_a_file_that_changes_is_not_sent_to_its_end(
    change: Callable[[Path], None], problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(CONTENT)
    with FileSource(path) as file:
        pieces = file.pieces()
        given = [next(pieces)]
        change(path)
        with pytest.raises(InvalidRequestError, match=problem):
            given.extend(pieces)
    assert sum(map(len, given)) < len(CONTENT)


def test_a_file_that_is_closed_meanwhile_is_an_error() -> None:
    opened = io.BytesIO(CONTENT)
    with FileSource(opened) as file:
        opened.close()
        with pytest.raises(InvalidRequestError, match="closed file"):
            list(file.pieces())


def test_a_read_that_gives_too_much_is_refused() -> None:
    opened = io.BytesIO(CONTENT)
    file = FileSource(opened)
    opened.read = lambda n_bytes=-1: CONTENT  # type: ignore[method-assign]  # a broken file
    with pytest.raises(InvalidRequestError, match="mode 'rb'"):
        list(file.pieces())


@both_twins
@pytest.mark.parametrize("said", [len(CONTENT) - 1, len(CONTENT) + 1], ids=["grows", "shrinks"])
def test_of_a_file_that_changes_the_provider_gets_no_whole(twin: Twin, said: int) -> None:
    arrived = threading.Event()

    def script(_: Request) -> bytes:
        arrived.set()
        return wire.answer(TOLD["OpenAICompat"])

    with ScriptedServer((script,)) as server:
        settings = {"base_url": server.url, "max_retries": 3}
        with pytest.raises(InvalidRequestError, match="has changed") as caught:
            twin("OpenAICompat", "upload_file", Liar(CONTENT, said), client=settings)
        assert arrived.wait(5.0)
    (request,) = server.requests
    assert len(request.body) < int(request.headers["content-length"])
    assert_no_key(traces(caught.value, with_frames=True), KEY)
