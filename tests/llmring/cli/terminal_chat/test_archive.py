"""Chats on disk: one file each, whole, for its owner alone."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from llmring.cli.terminal_chat.archive import Archive, Chat
from llmring.exceptions import SessionError
from llmring.schemas import Message

CALL = {"id": "call_1", "type": "function", "function": {"name": "echo", "arguments": "{}"}}
TALK = [
    Message(role="user", content="Wo ist das Boot? ⛵"),
    Message(role="assistant", tool_calls=[CALL]),
    Message(role="tool", tool_call_id="call_1", content=[{"type": "text", "text": "here"}]),
    Message(role="assistant", content="Here."),
]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "chats")


def test_a_chat_comes_back_as_it_was_tool_calls_and_all(archive: Archive) -> None:
    chat = Chat(model="fast", messages=list(TALK))
    archive.save(chat)
    assert archive.load(chat.session_id[:4]) == chat


def test_a_file_has_four_fields_and_is_its_owners(archive: Archive) -> None:
    chat = Chat(messages=list(TALK))
    archive.save(chat)
    (path,) = archive.folder.iterdir()
    assert list(json.loads(path.read_text())) == ["session_id", "model", "created_at", "messages"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(archive.folder.stat().st_mode) == 0o700


def test_the_last_written_comes_first(archive: Archive) -> None:
    chats = [Chat() for _ in range(3)]
    for age, chat in enumerate(chats):
        archive.save(chat)
        os.utime(archive.folder / f"{chat.session_id}.json", (1000 - age, 1000 - age))
    assert list(archive.newest_first()) == chats


@pytest.mark.parametrize(
    "text",
    ["", "[]", "[" * 100_000, '{"session_id": "x"}', b"\xff",
     '{"session_id": "x", "model": 1, "created_at": "2026-01-01", "messages": []}',
     '{"session_id": "x", "model": null, "created_at": "then", "messages": []}',
     '{"session_id": "x", "model": null, "created_at": "2026-01-01", "messages": {}}',
     '{"session_id": "x", "model": null, "created_at": "2026-01-01", "messages": [{"role": "me"}]}',
     '{"session_id": "../x", "model": null, "created_at": "2026-01-01", "messages": []}'],
    ids=["empty", "list", "deep", "fields", "bytes", "model", "date", "object", "role", "path"],
)  # fmt: skip
def test_a_damaged_or_foreign_file_is_named(archive: Archive, text: str | bytes) -> None:
    archive.folder.mkdir()
    path = archive.folder / "x.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (found,) = archive.newest_first()
    assert isinstance(found, SessionError)
    assert str(path) in found.message
    with pytest.raises(SessionError, match=r"x\.json"):
        archive.load("x")


def test_a_file_of_another_client_is_read(archive: Archive) -> None:
    archive.folder.mkdir()
    fields = {"session_id": "one", "model": "fast", "created_at": "2026-01-01T10:00:00",
              "messages": [{"role": "user", "content": "Hello!"}], "further": 1}  # fmt: skip
    (archive.folder / "one.json").write_text(json.dumps(fields))
    assert archive.load("one").first_question == "Hello!"


def test_a_prefix_of_several_or_none_says_so(archive: Archive) -> None:
    for name in ("ab", "ac"):
        archive.save(Chat(session_id=name))
    with pytest.raises(SessionError, match="2 chats begin with 'a': ab, ac"):
        archive.load("a")
    with pytest.raises(SessionError, match="no chat begins with 'b'"):
        archive.load("b")
    archive.save(Chat(session_id="a"))
    assert archive.load("a").session_id == "a"


def test_a_folder_that_cannot_be_made_says_how_to_do_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionError, match="--no-save"):
        Archive(tmp_path / "file" / "chats").save(Chat())


def test_a_file_that_cannot_be_written_is_told(archive: Archive) -> None:
    chat = Chat()
    (archive.folder / f"{chat.session_id}.json").mkdir(parents=True)
    with pytest.raises(SessionError, match="--no-save keeps nothing"):
        archive.save(chat)
