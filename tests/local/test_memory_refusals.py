"""Memory that cannot be: after the client's end, at no path, in a file with wrong contents."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from LLM import LLMConfigError, LLMServerError
from local_llm_kit import AsyncLLMClient, LLMClient, StoreError
from local_llm_kit.memory_store import MemoryStore
from tests.local.memory_support import turn
from tests.local.test_memory_store import remembering


def test_a_closed_client_opens_no_file(tmp_path: Path) -> None:
    client = LLMClient("tiny", n_slots=1)
    client.close()
    with pytest.raises(LLMServerError, match="the client is closed"):
        client.enable_memory(path=tmp_path / "mine.db")
    assert list(tmp_path.iterdir()) == []


def test_a_closed_asynchronous_client_opens_no_file(tmp_path: Path) -> None:
    async def close_and_enable() -> None:
        client = AsyncLLMClient("tiny", n_slots=1)
        await client.close()
        await client.enable_memory(path=tmp_path / "mine.db")

    with pytest.raises(LLMServerError, match="the client is closed"):
        asyncio.run(close_and_enable())
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_nobody_has_is_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    MemoryStore("~no_such_user/mine.db").close()
    assert (tmp_path / "~no_such_user" / "mine.db").is_file()


@pytest.mark.parametrize("path", [5, b"mine.db"], ids=repr)
def test_a_path_that_is_no_text_is_refused(path: Any) -> None:
    with pytest.raises(LLMConfigError, match="give the path of a file"):
        MemoryStore(path)


@pytest.mark.parametrize("body", ["{nope", "[1]", "5", "null"])
def test_a_message_that_is_none_is_told_as_damage(body: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    memory = remembering(MemoryStore(path))
    memory.add(turn(1))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE messages SET body = ?", (body,))
    db.close()
    with pytest.raises(StoreError, match=r"mine\.db': it is damaged; restore a copy"):
        memory.turn([{"role": "user", "content": "Go on."}])
    with pytest.raises(StoreError, match=r"mine\.db': it is damaged; restore a copy"):
        memory.history  # noqa: B018  # a property
    memory.store.close()
