"""The fuzz targets, each tried with its seeds and with what hypothesis makes of them."""

from __future__ import annotations

import pytest
from fuzzing.target import Target
from fuzzing.targets import NAMES, find
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

#: Targets whose inputs take milliseconds each.
SLOW = ("cloud_schema", "conversation", "gguf", "lockfile", "local_schema")


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Bytes, runs of the target's words, and seeds of which some bytes were replaced."""
    words = [*target.words, b"\0", b"\xff", b"a", b" "]
    runs = st.lists(st.sampled_from(words) | st.binary(max_size=4), max_size=20).map(b"".join)
    spoilt = st.builds(
        _spoilt, st.sampled_from(target.seeds), st.integers(0, 2**16), st.integers(0, 9), runs
    )
    return st.one_of(spoilt, runs, st.binary(max_size=64))


def _spoilt(seed: bytes, at: int, n_cut: int, instead: bytes) -> bytes:
    at %= len(seed) + 1
    return seed[:at] + instead + seed[at + n_cut :]


@pytest.mark.parametrize("name", NAMES)
def test_seeds_pass(name: str) -> None:
    target = find(name)
    for seed in target.seeds:
        target.check(seed)
        for size in range(0, len(seed), max(1, len(seed) // 16)):
            target.check(seed[:size])


@pytest.mark.parametrize("name", NAMES)
def test_any_bytes_pass(name: str) -> None:
    target = find(name)
    few = settings(
        max_examples=100 if name in SLOW else 300, suppress_health_check=list(HealthCheck)
    )

    @few
    @given(inputs(target))
    def try_bytes(data: bytes) -> None:
        target.check(data)

    try_bytes()
