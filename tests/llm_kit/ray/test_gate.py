"""A lock that many share, or one has alone."""

from __future__ import annotations

import threading

from llm_kit.ray.gate import Gate


def holder(gate: Gate, seen: list[str], how: str) -> threading.Thread:
    def hold() -> None:
        with getattr(gate, how)():
            seen.append(how)

    return threading.Thread(target=hold, daemon=True)


def test_many_share_it_at_once() -> None:
    gate = Gate()
    both = threading.Barrier(2, timeout=60)

    def hold() -> None:
        with gate.shared():
            both.wait()

    other = threading.Thread(target=hold, daemon=True)
    other.start()
    hold()
    other.join(60)
    assert not other.is_alive()


def test_who_is_alone_lets_nobody_in() -> None:
    gate, seen = Gate(), list[str]()
    with gate.alone():
        threads = [holder(gate, seen, "shared"), holder(gate, seen, "alone")]
        for thread in threads:
            thread.start()
        assert seen == []
    for thread in threads:
        thread.join(60)
    assert sorted(seen) == ["alone", "shared"]


def test_who_wants_to_be_alone_comes_before_who_would_share_later() -> None:
    gate, seen = Gate(), list[str]()
    with gate.shared():
        alone = holder(gate, seen, "alone")
        alone.start()
        while not gate.is_wanted_alone:
            alone.join(0.001)
        later = holder(gate, seen, "shared")
        later.start()
    alone.join(60)
    later.join(60)
    assert seen == ["alone", "shared"]
