"""What a header says of itself cannot make its reader take memory, time or another error."""

from __future__ import annotations

import struct
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzzing.model_files import small_gguf
from fuzzing.targets import find

from LLM.exceptions import InvalidRequestError
from local_llm_kit import gguf

pytestmark = pytest.mark.slow

#: Numbers that a count, a length or an offset may be said to be.
HUGE = [struct.pack("<Q", number) for number in (2**64 - 1, (1 << 31) + 32)]


def mutants(data: bytes) -> Iterator[bytes]:
    for at in range(4, len(data) - 8):
        for number in HUGE:
            yield data[:at] + number + data[at + 8 :]


def test_numbers_out_of_all_bounds_take_no_memory(tmp_path: Path) -> None:
    path, n_refused = tmp_path / "model.gguf", 0
    gguf.check(_at(path, small_gguf()))
    tracemalloc.start()
    try:
        began = time.process_time()
        for data in mutants(small_gguf()[:700]):
            try:
                gguf.check(_at(path, data))
            except InvalidRequestError:
                n_refused += 1
        took_s = time.process_time() - began
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_refused > 1000
    assert peak < 4 << 20
    assert took_s < 60


def _at(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["gguf", "safetensors"])
def test_every_truncation_and_every_byte_taken_away_passes(name: str) -> None:
    target = find(name)
    for at in range(len(target.seeds[0])):
        target.check(target.seeds[0][:at])
        target.check(target.seeds[0][:at] + target.seeds[0][at + 1 :])
