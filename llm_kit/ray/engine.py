"""`RayEngine`: a job's requests answered by the workers of a Ray cluster, over Ray Data."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from LLM.batch.engine import Finish
from LLM.batch.judge import Judge
from LLM.batch.types import BatchRequest
from llm_kit.ray.desk import desk_beside_us
from llm_kit.ray.exceptions import RayJobError
from llm_kit.ray.nodes import check_amount, check_count, count_places
from llm_kit.ray.packs import Answered, opened, pack_size, packed, packs_in_flight, rounds
from llm_kit.ray.session import ray_session
from llm_kit.ray.worker import MAX_STARTS, MakeAnswerer, PackWorker


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Answers a job's requests on a Ray cluster; a `BatchEngine`.

    The job's own process keeps the journal: it reads the input, sends the requests out in packs,
    and finishes each pack's answers when the pack has ended. Ray makes a dead worker anew and gives
    its packs out again: of a worker that dies, at most twice `concurrency` requests are asked a
    second time, and of a job that dies, as many for each worker.

    :param make: makes what answers in each worker: an `EndpointWorker`, a `LocalWorker`, or a
        function of your own. It goes to the workers over Ray's own connections, which are encrypted
        where Ray is set up so (RAY_USE_TLS), and lies neither in Ray's control store nor in its
        object store, logs or environments.
    :param address: of a running cluster that this machine is part of: ``host:port``, or ``auto``.
        None uses the connection that the process has, and starts a cluster on this machine where it
        has none.
    :param workers: processes that answer, at least 1. None takes one for each machine, or for each
        GPU where `num_gpus` is given.
    :param concurrency: requests that each worker is to have in flight, at least 1: as many as its
        engine answers at once.
    :param num_cpus: CPUs that Ray sets aside for each worker, at least 0.
    :param num_gpus: GPUs that Ray sets aside for each worker, at least 0; a part of one can be
        given, and two workers share it.
    :raises LLMConfigError: a value cannot work; the message names it.
    """

    make: MakeAnswerer = field(repr=False)
    address: str | None = None
    workers: int | None = None
    concurrency: int = 64
    num_cpus: float = 1.0
    num_gpus: float = 0.0

    def __post_init__(self) -> None:
        check_count("workers", self.workers)
        check_count("concurrency", self.concurrency)
        check_amount("num_cpus", self.num_cpus)
        check_amount("num_gpus", self.num_gpus)

    def run(self, requests: Iterator[BatchRequest], finish: Finish) -> None:
        """Answer all requests; returns when the last is finished.

        :raises LLMError: what a worker's engine raised, with its fields.
        :raises LLMConfigError: ray is not installed, or no machine can hold a worker.
        :raises RayUnreachableError: no cluster answers, or none can be started.
        :raises RayJobError: the cluster gave the job up.
        """
        with ray_session(self.address) as ray:
            try:
                if not getattr(self.make, "is_judged", False):
                    self._run(ray, requests, finish)
                    return
                judge = Judge(finish)
                self._run(ray, requests, judge.take)
                judge.release()
            except ray.exceptions.RayError as err:
                raise RayJobError(
                    f"Ray gave the job up: {_first_lines(err)}; what has ended is finished, and"
                    " the same call again goes on"
                ) from err

    def _run(self, ray: Any, requests: Iterator[BatchRequest], finish: Finish) -> None:
        n_workers = self.workers or count_places(ray.nodes(), self.num_cpus, self.num_gpus)
        desk = desk_beside_us(ray)
        try:
            ray.get(desk.lay_out.remote(ray.cloudpickle.dumps(self.make)))
            for packs in rounds(packed(requests, pack_size(self.concurrency))):
                with closing(self._answers(ray, desk, n_workers, packs)) as answers:
                    for answered in answers:
                        for outcome in answered.outcomes:
                            finish(outcome)
                        if answered.error is not None:
                            raise answered.error
                ray.get(desk.end_round.remote())
        finally:
            ray.kill(desk)

    def _answers(
        self, ray: Any, desk: Any, n_workers: int, packs: list[bytes]
    ) -> Generator[Answered, None, None]:
        """What came of the packs, in the order in which they ended."""
        rows = [{"number": number, "pack": pack} for number, pack in enumerate(packs)]
        # A pack is a row, and each row a block of its own: Ray Data's unit of work and of repair.
        dataset = ray.data.from_items(rows, override_num_blocks=len(rows))
        dataset.context.enable_progress_bars = False
        dataset.context.print_on_execution_start = False
        # A worker that dies while it loads its model is made anew as well.
        dataset.context.max_consecutive_actor_init_deaths = MAX_STARTS
        n_packs = packs_in_flight(self.concurrency)
        answers = dataset.map(
            PackWorker,
            fn_constructor_args=(desk, n_workers, self.concurrency),
            compute=ray.data.ActorPoolStrategy(
                size=n_workers,
                max_tasks_in_flight_per_actor=n_packs,
                max_concurrent_calls_per_actor=n_packs,
                enable_true_multi_threading=True,
            ),
            num_cpus=self.num_cpus,
            num_gpus=self.num_gpus or None,
        ).iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
        with closing(iter(answers)) as tables:
            for table in tables:
                for row in table.to_pylist():
                    yield opened(row["answered"], packs[row["number"]])


def _first_lines(err: Exception) -> str:
    """What Ray says, without the tracebacks that it tells in full."""
    return " ".join(str(err).split("\n\n")[0].split())[:500]
