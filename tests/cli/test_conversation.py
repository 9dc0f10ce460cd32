"""Conversations and their files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from LLM import LLMConfigError
from local_llm_kit.cli import files
from local_llm_kit.cli.conversation import Archive, Conversation, load, save, text_of

TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def document(**changes: Any) -> str:
    return json.dumps(json.loads(Conversation("m", "s", TURNS).to_json()) | changes)


def test_a_conversation_comes_back_as_it_was(tmp_path: Path) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    seen = {"role": "user", "content": [{"type": "text", "text": "é\n"}, image]}
    talk = Conversation("m", None, [*TURNS, seen])
    save(talk, tmp_path / "a.json")
    assert load(tmp_path / "a.json") == talk


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no conversation"),
        ("[" * 100_000, "is no conversation"),
        ("[]", "/save writes such files"),
        ('{"format": "other"}', "/save writes such files"),
        (document(version=2), "has version 2"),
        (document(model=1), "'1' is no text"),
        (document(messages=None), "is damaged"),
        (document(messages=[1]), "is damaged"),
        (document(messages=[{"role": "king", "content": ""}]), "is damaged"),
    ],
    ids=["empty", "deep", "list", "other", "version", "model", "none", "number", "role"],
)
def test_a_file_that_is_no_conversation_is_told(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(LLMConfigError, match=reason):
        load(tmp_path / "a.json")


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(bytes(9))
    with pytest.raises(LLMConfigError, match="larger than 8 bytes"):
        files.read_bytes(tmp_path / "a", 8)


def test_undo_takes_the_last_question_and_what_followed() -> None:
    talk = Conversation(turns=[*TURNS, {"role": "user", "content": "And?"}])
    assert talk.undo() == {"role": "user", "content": "And?"}
    assert talk.undo() == TURNS[0]
    assert (talk.undo(), talk.turns) == (None, [])


def test_a_text_of_parts_names_its_images() -> None:
    parts = [{"type": "text", "text": "See:"}, {"type": "image_url", "image_url": {"url": "x"}}]
    assert text_of({"role": "user", "content": parts}) == "See:\n(an image)"


def test_a_turn_without_a_text_has_none_to_read(tmp_path: Path) -> None:
    call = {"type": "function", "id": "c1", "function": {"name": "now", "arguments": "{}"}}
    turns = [TURNS[0], {"role": "assistant", "content": None, "tool_calls": [call]}]
    (tmp_path / "a.json").write_text(document(messages=turns), "utf-8")
    talk = load(tmp_path / "a.json")
    del talk.turns[-1]["content"]
    assert [text_of(turn) for turn in talk.turns] == ["Hi", ""]
    assert talk.to_markdown().endswith("## Assistant\n\n\n")


def test_two_conversations_of_a_second_have_two_files(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for _ in range(3):
        save(Conversation(turns=list(TURNS)), archive.new_path())
    assert len(archive.newest_first()) == 3


def test_the_newest_conversation_is_resumed(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for seconds, name in enumerate(("b", "c", "a")):
        path = tmp_path / f"{name}.json"
        save(Conversation(turns=list(TURNS)), path)
        os.utime(path, (seconds, seconds))
    assert archive.resumed("") == tmp_path / "a.json"
    assert archive.resumed("b") == tmp_path / "b.json"


def test_a_write_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(UnicodeEncodeError):
        files.write_text(path, "\ud800")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.txt", "before")]


def test_a_link_stays_a_link_and_modes_stay(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("before")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    files.write_text(tmp_path / "link", "after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "after"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640


def test_the_data_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.sys, "platform", "linux")
    assert files.data_folder({"LOCAL_LLM_KIT_DATA_DIR": "/d"}) == Path("/d")
    assert files.data_folder({"XDG_DATA_HOME": "/x"}) == Path("/x/local-llm-kit")
    assert files.data_folder({}) == Path.home() / ".local/share/local-llm-kit"
    monkeypatch.setattr(files.sys, "platform", "darwin")
    assert files.data_folder({}) == Path.home() / "Library/Application Support/local-llm-kit"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LLMConfigError, match="cannot make the folder"):
        files.private_folder(tmp_path / "file" / "data")
