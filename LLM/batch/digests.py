"""A set of digests, each with a number, in 16 bytes a slot: for jobs of millions of requests."""

from __future__ import annotations

from array import array
from hashlib import blake2b

_EMPTY = 0
_MIN_SLOTS = 1024


def digest64(data: bytes) -> int:
    """A number of 64 bits that stands for `data`: two of a million agree once in 40 million jobs.

    It is never 0.
    """
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big") or 1


def digest_of_id(custom_id: str) -> int:
    """`digest64` of a request's name, which may hold half a character."""
    return digest64(custom_id.encode("utf-8", "surrogatepass"))


class DigestTable:
    """Numbers by digest. An open hash table of two arrays, since a dict takes 150 bytes an entry.

    It is filled to two thirds before it doubles: 24 to 48 bytes an entry.
    """

    def __init__(self) -> None:
        self._digests = array("Q", bytes(8 * _MIN_SLOTS))
        self._values = array("Q", bytes(8 * _MIN_SLOTS))
        self._n_used = 0

    def __len__(self) -> int:
        return self._n_used

    def get(self, digest: int) -> int | None:
        """The number of a digest; None when it is not there."""
        slot = self._slot(digest)
        return self._values[slot] if self._digests[slot] else None

    def add(self, digest: int, value: int) -> int:
        """Add a digest unless it is there. :return: the number that it has now.

        :param digest: from `digest64` or `digest_of_id`.
        :param value: 0 to 2^64 - 1.
        """
        slot = self._slot(digest)
        if self._digests[slot]:
            return self._values[slot]
        self._digests[slot] = digest
        self._values[slot] = value
        self._n_used += 1
        if 3 * self._n_used > 2 * len(self._digests):
            self._grow()
        return value

    def _slot(self, digest: int) -> int:
        """Where a digest is, or would be."""
        digests = self._digests
        mask = len(digests) - 1
        slot = digest & mask
        while digests[slot] not in (_EMPTY, digest):
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        old = zip(self._digests, self._values, strict=True)
        n_slots = 2 * len(self._digests)
        self._digests = array("Q", bytes(8 * n_slots))
        self._values = array("Q", bytes(8 * n_slots))
        for digest, value in old:
            if digest:
                slot = self._slot(digest)
                self._digests[slot] = digest
                self._values[slot] = value
