"""A worker of a job on Ray: one engine in a process of its own, on whichever machine."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from LLM.batch.types import BatchOutcome
from LLM.exceptions import LLMError
from llm_kit.ray.exceptions import RayJobError, WorkerLostError
from llm_kit.ray.gate import Gate
from llm_kit.ray.host import Answerer
from llm_kit.ray.packs import Answered, sealed, unpacked

#: How often a pack is begun before its requests are given up: Ray itself would go on for ever,
#: where a request ends each process that answers it.
MAX_STARTS = 3


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Which of a job's workers this one is.

    :param number: from 0. A worker that started again keeps it; one that took the place of another
        has a new one, which may be `n_workers` or more.
    :param n_workers: that the job has at one time.
    :param concurrency: requests that it is to have in flight.
    """

    number: int
    n_workers: int
    concurrency: int


#: Makes what answers a worker's packs, on the worker's machine. It is pickled: a function, or an
#: instance of a class, of a module that the worker's machine has too. One whose `is_judged` is true
#: asks a server: a refused key, or nobody at the address, then ends the job (`LLM.batch.judge`).
MakeAnswerer = Callable[[WorkerPlace], Answerer]


class PackWorker:
    """The class that Ray Data makes its actors of; rows of packs go in, rows of answers come out.

    No error leaves it as an exception, which Ray would take for a reason to try again.

    :param desk: handle of the job's `Desk`.
    :param n_workers: of the job.
    :param concurrency: of each worker.
    """

    def __init__(self, desk: Any, n_workers: int, concurrency: int) -> None:
        import ray

        self._desk = desk
        actor_id = ray.get_runtime_context().get_actor_id()
        pickled, number = ray.get(desk.take.remote(actor_id))
        self._gate = Gate()
        self._answerer: Answerer | None = None
        try:
            make: MakeAnswerer = pickle.loads(pickled)
            self._answerer = make(WorkerPlace(number, n_workers, concurrency))
        except LLMError as err:
            self._error = err
        except Exception as err:  # noqa: BLE001 - told by the answers, see above
            self._error = RayJobError(
                f"a worker could not start: {type(err).__name__}: {err}; llm-kit must be installed"
                " in the same version on every machine of the cluster, with what the job needs"
            )

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Answer the pack of a row; several threads call it at once."""
        answered = self._answered(row["number"], row["pack"])
        return {"number": row["number"], "answered": sealed(answered)}

    def _answered(self, number: int, pack: bytes) -> Answered:
        import ray

        if self._answerer is None:
            return Answered([], self._error)
        requests = unpacked(pack)
        with self._gate.shared():
            if ray.get(self._desk.begin.remote(number, alone=False)):
                return self._answerer.answer(requests)
        with self._gate.alone():
            if ray.get(self._desk.begin.remote(number, alone=True)) <= MAX_STARTS:
                return self._answerer.answer(requests)
        return Answered([BatchOutcome(request, error=_lost(len(requests))) for request in requests])


def _lost(n_requests: int) -> WorkerLostError:
    which = "this request" if n_requests == 1 else f"this request or one of {n_requests - 1} beside"
    return WorkerLostError(
        f"a worker has died {MAX_STARTS} times while it answered {which}; Ray's logs may say why"
        " (often it is out of memory)"
    )
