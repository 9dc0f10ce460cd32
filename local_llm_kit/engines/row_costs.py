"""How long batches of few rows take, learnt while they run, and how to cut a step by it.

On a CPU the time of a batch is no straight line of its rows. Matrix kernels work on four rows at
once: of a 0.5B model in q8_0 one row took 54 ms, two 93, three 150, four 123, seven 226, eight 174.
So three rows go faster with a fourth that nobody needs, and on some machines two go faster one
after the other. What holds depends on the weights' type and on the machine, so it is measured: a
size that is not known yet is tried a few times, then the best cut is taken.
"""

from __future__ import annotations

from functools import cache

#: Sizes that a cut is made of; the whole step, and one row more, are always tried as well.
_SIZES = (1, 2, 4, 8, 16, 32)
#: Most rows that nobody needs in a batch.
MAX_PADDING = 3
_TRIALS = 4
#: Measurements after which the cuts are thought over.
_REVIEW = 16
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
        if seen % _REVIEW == 0:
            self._cuts.clear()

    def cut(self, n: int) -> list[int]:
        """Sizes of the batches in which `n` rows are computed; the last may be larger than needed.

        :return: sizes whose sum is `n` or up to `MAX_PADDING` more.
        """
        if n <= 1:
            return [n]
        cut = self._cuts.get(n)
        if cut is None:
            cut = self._cuts[n] = self._untried(n) or self._best(n)
        return cut

    def _untried(self, n: int) -> list[int] | None:
        """A cut that measures what is not known yet; None when all is."""
        for size in (n, n + 1, *(size for size in _SIZES if size <= n + MAX_PADDING)):
            if self._n_seen.get(size, 0) < _TRIALS:
                if size >= n:
                    return [size]
                return [size] * (n // size) + ([n % size] if n % size else [])
        return None

    def _best(self, n: int) -> list[int]:
        tried = {n, n + 1, *_SIZES}
        known = [size for size in tried if self._n_seen.get(size, 0) >= _TRIALS]

        @cache
        def best(rows: int) -> tuple[float, tuple[int, ...]]:
            found: list[tuple[float, tuple[int, ...]]] = []
            for size in known:
                if rows <= size <= rows + MAX_PADDING:
                    found.append((self._seconds[size], (size,)))
                elif size < rows:
                    rest_s, rest = best(rows - size)
                    found.append((self._seconds[size] + rest_s, (size, *rest)))
            return min(found)

        seconds, sizes = best(n)
        return list(sizes) if seconds < _WORTH * self._seconds[n] else [n]
