"""How long batches of few rows take, learnt while they run, and how to cut a step by it.

On a CPU the time of a batch is no straight line of its rows: with q8_0 weights two rows take more
than twice the time of one, sixteen far less than sixteen times. So two callers are served faster
one after the other, eight together. What holds depends on the weights' type and on the machine,
so it is measured: a size that is not known yet is tried a few times, then the best cut is taken.
"""

from __future__ import annotations

from functools import cache

#: Sizes that a cut is made of; the whole step is always tried as well.
_SIZES = (1, 2, 4, 8, 16, 32)
_TRIALS = 4
#: Weight of a new measurement against what is known.
_GAIN = 0.1
#: A cut must promise this share of the whole step's time at most: noise is no reason to change.
_WORTH = 0.92


class RowCosts:
    """Seconds that a batch takes, by its rows, and the cuts that follow from them."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self._n_seen: dict[int, int] = {}
        self._cuts: dict[int, list[int]] = {}

    def learn(self, n_rows: int, took_s: float) -> None:
        """Note how long a batch of so many rows took."""
        seen = self._n_seen.get(n_rows, 0)
        self._n_seen[n_rows] = seen + 1
        if seen < _TRIALS:
            # The first ones are slow for reasons of their own: the fastest tells most.
            self._seconds[n_rows] = min(took_s, self._seconds.get(n_rows, took_s))
            self._cuts.clear()
            return
        known = self._seconds[n_rows]
        # A busy neighbour makes outliers upwards; none is trusted beyond twice what is known.
        self._seconds[n_rows] = known + _GAIN * (min(took_s, 2 * known) - known)
        if seen % 64 == 0:
            self._cuts.clear()

    def cut(self, n: int) -> list[int]:
        """Sizes of the batches in which `n` rows are computed."""
        if n <= 1:
            return [n]
        cut = self._cuts.get(n)
        if cut is None:
            cut = self._cuts[n] = self._untried(n) or self._best(n)
        return cut

    def _untried(self, n: int) -> list[int] | None:
        """A cut that measures what is not known yet; None when all is."""
        for size in (n, *(size for size in _SIZES if size < n)):
            if self._n_seen.get(size, 0) < _TRIALS:
                return [size] * (n // size) + ([n % size] if n % size else [])
        return None

    def _best(self, n: int) -> list[int]:
        @cache
        def best(rows: int) -> tuple[float, tuple[int, ...]]:
            if rows == 0:
                return 0.0, ()
            found = []
            for size, seconds in self._seconds.items():
                if size <= rows and self._n_seen[size] >= _TRIALS:
                    rest_s, rest = best(rows - size)
                    found.append((seconds + rest_s, (size, *rest)))
            return min(found)

        seconds, sizes = best(n)
        return list(sizes) if seconds < _WORTH * self._seconds[n] else [n]
