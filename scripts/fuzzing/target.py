"""What a fuzz target is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A reader and what must hold for it.

    :param check: takes any bytes; what it raises is a finding.
    :param seeds: inputs to begin with, of which each goes another way.
    :param words: what inputs are made of; a fuzzer that knows them need not find them by chance.
    :param max_bytes: longest input worth trying.
    """

    check: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    max_bytes: int = 4096
