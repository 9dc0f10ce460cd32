"""`RayBatchClient`: jobs answered by a Ray cluster, with the face of `LLM.batch`."""

from __future__ import annotations

from typing import Unpack

from LLM.batch.job import run_job
from LLM.batch.output import AnyOutput
from LLM.batch.prompts import Requests
from LLM.batch.report import BatchReport
from LLM.batch.settings import JobSettings
from LLM.batch.types import BatchOptions
from llm_kit.ray.engine import RayEngine
from llm_kit.ray.workers import EndpointWorker, LocalWorker


class RayBatchClient:
    """Answers jobs as `LLM.batch` and `LLMClient.batch` do, on the machines of a Ray cluster.

    ::

        worker = EndpointWorker(LLMConfig(base_url="http://10.0.0.7:8000"))
        report = RayBatchClient(worker, address="auto").batch("in.jsonl", "out.jsonl")

    :param worker: what each worker is: a caller of a server, or a model of its own.
    :param address: see `RayEngine`, as for all that follows.
    :param workers: processes that answer.
    :param num_cpus: CPUs of each.
    :param num_gpus: GPUs of each.
    :raises LLMConfigError: a value cannot work; the message names it.
    """

    def __init__(
        self,
        worker: EndpointWorker | LocalWorker,
        *,
        address: str | None = None,
        workers: int | None = None,
        num_cpus: float = 1.0,
        num_gpus: float = 0.0,
    ) -> None:
        self._worker = worker
        self._address = address
        self._workers = workers
        self._num_cpus = num_cpus
        self._num_gpus = num_gpus
        self._engine(worker.default_concurrency)

    def batch(
        self,
        requests: Requests,
        output: AnyOutput = None,
        **options: Unpack[BatchOptions],
    ) -> BatchReport:
        """Answer all requests; see `LLM.batch`, whose arguments and errors these are.

        :param options: of the job; `concurrency` is each worker's, and `engine` is ``ray`` or not
            given.
        :raises RayUnreachableError: no cluster answers, or none can be started.
        :raises RayJobError: the cluster gave the job up.
        """
        settings = JobSettings.of({**options, "engine": "ray"})
        worker = self._worker
        return run_job(
            requests,
            output,
            self._engine(settings.concurrency or worker.default_concurrency),
            settings,
            model=worker.model,
            urls=worker.urls,
        )

    def _engine(self, concurrency: int) -> RayEngine:
        return RayEngine(
            self._worker,
            address=self._address,
            workers=self._workers,
            concurrency=concurrency,
            num_cpus=self._num_cpus,
            num_gpus=self._num_gpus,
        )
