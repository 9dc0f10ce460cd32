"""The cache of aliases holds a thousand for an hour, whoever asks at once."""

from __future__ import annotations

import threading

import pytest

from llmring.exceptions import ConfigurationError
from llmring.lockfile import AliasCache


def test_it_holds_a_thousand_and_forgets_the_least_recently_used() -> None:
    cache: AliasCache[int] = AliasCache()
    for number in range(1000):
        cache.put(number, number)
    assert cache.get(0) == 0
    cache.put(1000, 1000)
    assert (len(cache), cache.get(0), cache.get(1)) == (1000, 0, None)


@pytest.mark.parametrize(("after_s", "found"), [(3599.0, 1), (3600.0, None)])
def test_an_entry_counts_for_an_hour(after_s: float, found: int | None) -> None:
    now = [0.0]
    cache: AliasCache[int] = AliasCache(clock=lambda: now[0])
    cache.put("a", 1)
    now[0] = after_s
    assert cache.get("a") == found


def test_reading_does_not_make_it_younger() -> None:
    now = [0.0]
    cache: AliasCache[int] = AliasCache(ttl_s=10, clock=lambda: now[0])
    cache.put("a", 1)
    now[0] = 9.0
    assert cache.get("a") == 1
    now[0] = 10.0
    assert (cache.get("a"), len(cache)) == (None, 0)


def test_clear_forgets_all() -> None:
    cache: AliasCache[int] = AliasCache()
    cache.put("a", 1)
    cache.clear()
    assert cache.get("a") is None


@pytest.mark.parametrize("options", [{"size": 0}, {"ttl_s": 0}], ids=str)
def test_nothing_is_kept_where_nothing_may_be(options: dict[str, int]) -> None:
    cache: AliasCache[int] = AliasCache(**options)
    cache.put("a", 1)
    assert cache.get("a") is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": -1}, "alias_cache_size must be a whole number from 0, not -1"),
        ({"size": True}, "alias_cache_size must be a whole number from 0, not True"),
        ({"size": 1.5}, "alias_cache_size must be a whole number from 0, not 1.5"),
        ({"ttl_s": -1}, "alias_cache_ttl must be seconds from 0, not -1"),
        ({"ttl_s": float("nan")}, "alias_cache_ttl must be seconds from 0, not nan"),
        ({"ttl_s": "x"}, "alias_cache_ttl must be seconds from 0, not 'x'"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_work_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AliasCache(**options)  # type: ignore[arg-type]  # that is the point
    assert caught.value.message == message


def test_threads_share_it() -> None:
    cache: AliasCache[int] = AliasCache(size=10)
    faults: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for number in range(start, start + 2000):
                cache.put(number % 25, number)
                cache.get((number * 7) % 25)
        except BaseException as err:  # noqa: BLE001 - whatever it is, the test fails
            faults.append(err)

    threads = [threading.Thread(target=work, args=(i * 13,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (faults, len(cache)) == ([], 10)
