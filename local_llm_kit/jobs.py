"""Jobs of `LLMClient` and `AsyncLLMClient`: the runner of all jobs, with a model of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from LLM.batch.job import run_job
from LLM.batch.prompts import Requests
from LLM.batch.settings import JobSettings
from LLM.exceptions import LLMConfigError
from local_llm_kit.batch import LOCAL_URLS, LocalEngine

if TYPE_CHECKING:
    from LLM.batch.output import AnyOutput
    from LLM.batch.report import BatchReport
    from local_llm_kit.catalog import Catalog


class LocalJob:
    """A job of a client, to be run once, by any thread.

    :param catalog: the client's models.
    :param timeout_s: seconds that each request may take; None waits for ever.
    :param requests: see `LLM.batch.prompts.source_of`.
    :param output: file of the answers; None keeps them for the report's `results`.
    :param options: `BatchOptions`.
    :raises LLMError: what was given makes no job.
    """

    def __init__(
        self,
        catalog: Catalog,
        timeout_s: float | None,
        requests: Requests,
        output: AnyOutput,
        options: Any,
    ) -> None:
        self._settings = JobSettings.of(options)
        if self._settings.engine != "threads":
            raise LLMConfigError(
                f"engine is {self._settings.engine!r}; a model in this process is asked by its "
                "threads: leave it out, or use `llm-kit batch --local … --engine ray`"
            )
        self._requests = requests
        self._output = output
        self._engine = LocalEngine(catalog, self._settings.concurrency, timeout_s)

    def run(self) -> BatchReport:
        """Answer the requests. :raises LLMError: as `run_job`."""
        is_counted = self._settings.dry_run and self._engine.counts
        return run_job(
            self._requests,
            self._output,
            self._engine,
            self._settings,
            urls=LOCAL_URLS,
            count_tokens=self._engine.count_tokens if is_counted else None,
        )

    def stop(self) -> None:
        """End the run early, wherever it is. For any thread."""
        self._engine.stop()
