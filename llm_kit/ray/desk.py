"""The actor that hands a job's workers what they need."""

from __future__ import annotations

from collections import Counter
from typing import Any

#: How often a pack is begun beside others. Which pack has killed a worker is then found out, by
#: giving each to a worker that has no other.
MAX_SHARED_STARTS = 2


class Desk:
    """Lives on the machine of the job's own process, and keeps its word in memory alone.

    What a worker is made from may hold a key. An actor's constructor arguments are kept by Ray's
    control store, and environments are shown on its dashboard; the arguments and the answer of a
    method go from process to process. So workers are made with the desk's handle, and ask.
    """

    def __init__(self) -> None:
        self._worker = b""
        self._places: dict[str, int] = {}
        self._starts: Counter[int] = Counter()

    def lay_out(self, worker: bytes) -> None:
        """:param worker: what makes a worker's engine, pickled."""
        self._worker = worker

    def take(self, actor_id: str) -> tuple[bytes, int]:
        """:return: what makes the worker's engine, and the worker's number, from 0.

        An actor that starts again keeps its number.
        """
        return self._worker, self._places.setdefault(actor_id, len(self._places))

    def begin(self, number: int, *, alone: bool) -> int:
        """Note that a worker begins a pack.

        :param alone: it has no other pack meanwhile.
        :return: how often the pack has been begun, this time included; 0 where it may not be begun
            beside others, since its workers have died too often to say that it was by chance.
        """
        if self._starts[number] >= MAX_SHARED_STARTS and not alone:
            return 0
        self._starts[number] += 1
        return self._starts[number]

    def end_round(self) -> None:
        """Forget the packs of a round and the places of its workers."""
        self._places.clear()
        self._starts.clear()


def desk_beside_us(ray: Any) -> Any:
    """:return: handle of a new desk on the machine of this process, which ends when it ends."""
    here = ray.get_runtime_context().get_node_id()
    strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
    # It waits for nobody, so that one thread is enough for any number of workers.
    return ray.remote(num_cpus=0, scheduling_strategy=strategy)(Desk).remote()
