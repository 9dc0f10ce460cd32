"""Registering files, and what is said of those that cannot be used."""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from llmring import FileProcessingError, LLMRing
from tests.llmring.files.asking import (
    OPENAI,
    asking,
    with_ring,
)
from tests.llmring.files.keeper import Keeper

pytestmark = pytest.mark.usefixtures("files")


def test_registering_sends_nothing(keeper: Keeper) -> None:
    ring = LLMRing()
    file_id = ring.register_file("a.csv")
    assert re.fullmatch(r"llmring-file-[0-9a-f-]{36}", file_id)
    (told,) = ring.list_registered_files()
    assert told["id"] == file_id
    assert told["file_path"] == str(Path("a.csv").absolute())
    assert told["content_hash"] == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert told["uploads"] == {}
    assert datetime.fromisoformat(told["registered_at"]).tzinfo is not None
    assert keeper.world.server.requests == []


def test_an_id_of_ones_own_is_taken_once() -> None:
    ring = LLMRing()
    assert ring.register_file(Path("a.csv"), file_id="sales") == "sales"
    with pytest.raises(FileProcessingError, match="'sales' is taken"):
        ring.register_file("a.pdf", "sales")
    for wrong in ("", "a\nb", "x" * 201, 3):
        with pytest.raises(FileProcessingError, match="file_id is"):
            ring.register_file("a.pdf", wrong)  # type: ignore[arg-type]  # that is the test


def test_an_id_that_nobody_has_registered_is_refused_before_anything_is_sent(
    keeper: Keeper,
) -> None:
    ring = LLMRing()
    for ask in (ring.chat, ring.chat_stream):
        with pytest.raises(FileProcessingError, match="'nobody'"):
            asyncio.run(ask(asking(OPENAI, "nobody")).response if ask == ring.chat_stream
                        else _awaited(ask(asking(OPENAI, "nobody"))))  # fmt: skip
    assert keeper.world.server.requests == []


async def _awaited(answer: Any) -> Any:
    return await answer


def test_a_file_that_goes_away_or_is_emptied_is_told_of() -> None:
    async def use(ring: LLMRing) -> None:
        file_id = ring.register_file("a.pdf")
        Path("a.pdf").write_bytes(b"")
        with pytest.raises(FileProcessingError, match="empty now"):
            await ring.chat(asking(OPENAI, file_id))
        Path("a.pdf").unlink()
        with pytest.raises(FileProcessingError, match="there is no file"):
            await ring.chat(asking(OPENAI, file_id))
        Path("a.pdf").symlink_to("/etc/passwd")
        with pytest.raises(FileProcessingError, match="may not be read"):
            await ring.chat(asking(OPENAI, file_id))

    with_ring(use)


@pytest.mark.parametrize("path", ["/etc/passwd", ".", "none.csv"])
def test_what_may_not_be_read_is_not_registered(path: str) -> None:
    with pytest.raises(FileProcessingError):
        LLMRing().register_file(path)


def test_an_empty_file_is_not_registered() -> None:
    Path("empty").touch()
    with pytest.raises(FileProcessingError, match="empty"):
        LLMRing().register_file("empty")
