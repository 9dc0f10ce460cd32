"""Response caches: what they keep, for how long, and that they stay within their bounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from LLM import DiskCache, LLMConfigError, MemoryCache
from LLM.cache import request_key

Make = Callable[..., Any]


class Clock:
    """A clock that moves by a second whenever it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture(params=["memory", "disk"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Make a cache of either kind."""

    def build(**settings: Any) -> Any:
        if request.param == "memory":
            return MemoryCache(**settings)
        cache = DiskCache(tmp_path / "cache" / "answers.db", **settings)
        request.addfinalizer(cache.close)
        return cache

    return build


def test_an_answer_comes_back_as_it_was(make: Make) -> None:
    cache = make()
    cache.put("k", b"\x00answer")
    assert cache.get("k") == b"\x00answer"
    assert cache.get("other") is None


def test_an_answer_expires(make: Make) -> None:
    clock = Clock()
    cache = make(ttl_s=10.0, clock=clock)
    cache.put("k", b"a")
    assert cache.get("k") == b"a"
    clock.now += 20.0
    assert cache.get("k") is None


def test_the_least_recently_used_goes_first(make: Make) -> None:
    cache = make(max_entries=2, clock=Clock())
    cache.put("a", b"1")
    cache.put("b", b"2")
    cache.get("a")
    cache.put("c", b"3")
    assert [cache.get(key) for key in "abc"] == [b"1", None, b"3"]


def test_bytes_are_bounded(make: Make) -> None:
    cache = make(max_bytes=100, clock=Clock())
    for number in range(10):
        cache.put(str(number), b"x" * 40)
    kept = [number for number in range(10) if cache.get(str(number))]
    assert kept == [8, 9]
    cache.put("huge", b"x" * 101)
    assert cache.get("huge") is None


def test_clear_forgets_everything(make: Make) -> None:
    cache = make()
    cache.put("k", b"a")
    cache.clear()
    assert cache.get("k") is None


@pytest.mark.parametrize("limits", [{"ttl_s": 0}, {"max_entries": 0}, {"max_bytes": 0}], ids=str)
def test_limits_that_keep_nothing_are_refused(make: Make, limits: dict[str, int]) -> None:
    with pytest.raises(LLMConfigError, match="above 0"):
        make(**limits)


def test_a_disk_cache_outlives_its_process(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    first = DiskCache(path)
    first.put("k", b"a")
    first.close()
    second = DiskCache(path)
    assert second.get("k") == b"a"
    second.close()
    assert path.stat().st_mode & 0o077 == 0, "others may not read the answers"


def test_a_file_that_is_no_cache_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"these are my notes, not a database" * 100)
    with pytest.raises(LLMConfigError, match=r"notes\.txt"):
        DiskCache(path)
    assert path.read_bytes().startswith(b"these are my notes")


def test_keys_keep_their_parts_apart() -> None:
    assert request_key(b"ab", b"c") != request_key(b"a", b"bc")
