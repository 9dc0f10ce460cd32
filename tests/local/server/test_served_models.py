"""Which models the names of requests stand for, without a server around."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

from local_llm_kit.catalog import Catalog
from local_llm_kit.server.served_models import ServedModels
from tests.local.server.models import until


class Disk:
    """Stands for a catalog whose own model is ``own``; counts the looks at the disk."""

    name = "own.gguf"
    info = SimpleNamespace(name="own")

    def __init__(self) -> None:
        self.n_looks = 0
        self.may_end = threading.Event()
        self.may_end.set()

    def names(self) -> list[str]:
        self.n_looks += 1
        assert self.may_end.wait(20)
        return ["own", "boat"]


def served(disk: Disk, **options: Any) -> ServedModels:
    return ServedModels(cast(Catalog, disk), **options)


def test_what_stands_for_nothing_is_known_once_the_disk_was_looked_at() -> None:
    now, disk = [0.0], Disk()
    models = served(disk, clock=lambda: now[0])
    assert models.known("own") == "own.gguf"
    assert models.known("gpt-4") is None
    assert models.resolve("gpt-4") == models.known("gpt-4") == "own.gguf"
    assert models.known("boat") == "boat"
    now[0] = 6.0
    assert models.known("gpt-4") is None
    assert disk.n_looks == 1


def test_a_strict_server_leaves_the_refusal_to_resolve() -> None:
    assert served(Disk(), strict=True).known("gpt-4") is None


def test_many_who_ask_at_once_look_at_the_disk_once() -> None:
    disk, all_here = Disk(), threading.Barrier(9)
    models = served(disk)
    disk.may_end.clear()

    def ask() -> str:
        all_here.wait(20)
        return models.resolve("boat")

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask) for _ in range(8)]
        all_here.wait(20)
        until(lambda: disk.n_looks > 0)
        disk.may_end.set()
        assert [one.result(20) for one in asked] == ["boat"] * 8
    assert disk.n_looks == 1
