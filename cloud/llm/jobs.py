"""Jobs of many requests at a provider: what `batch` of the clients runs.

See `LLM.batch` for what a job is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloud.llm.batches import CHAT_URLS
from cloud.llm.live_jobs import ChatThreads
from LLM.batch.job import run_job
from LLM.batch.output import AnyOutput
from LLM.batch.prompts import Requests
from LLM.batch.provider.calls import Calls
from LLM.batch.provider.engine import ProviderEngine
from LLM.batch.provider.jobs import notes_folder, run_at_provider
from LLM.batch.report import BatchReport
from LLM.batch.settings import DEFAULT_CONCURRENCY, JobSettings
from LLM.batch.stop import Stop
from LLM.exceptions import LLMConfigError
from LLM.transport import Transport

if TYPE_CHECKING:
    from cloud.llm.base import BaseClient


class ChatJob:
    """A job at a client's provider, to be run once, by any thread.

    :param client: whose settings and policies it has.
    :raises LLMError: what was given makes no job.
    """

    def __init__(
        self, client: BaseClient, requests: Requests, output: AnyOutput, options: Any
    ) -> None:
        self._client = client
        self._output = output
        self._settings = JobSettings.of(options)
        self._requests = requests
        self._stop = Stop()
        self._threads: ChatThreads | None = None
        if self._settings.engine == "ray":
            raise LLMConfigError(
                "engine is 'ray', which asks addresses with OpenAI's API: use "
                "`llm-kit batch --engine ray`"
            )
        if self._settings.engine == "threads":
            concurrency = self._settings.concurrency or DEFAULT_CONCURRENCY
            self._threads = ChatThreads(client, _transport(client), concurrency)
        else:
            self._api = client._batches()

    def run(self) -> BatchReport:
        """Answer the requests.

        :raises LLMError: as `LLM.batch.job.run_job`, and `LLM.batch.provider.jobs.run_at_provider`.
        """
        if self._threads is not None:
            return run_job(
                self._requests,
                self._output,
                self._threads,
                self._settings,
                model=self._client.model,
                urls=CHAT_URLS,
            )
        return run_at_provider(
            self._api,
            _calls(self._client, self._stop),
            self._requests,
            self._output,
            self._settings,
            model=self._client.model,
        )

    def stop(self) -> None:
        """End the run early, wherever it is; what the provider has goes on. For any thread."""
        self._stop.set()
        if self._threads is not None:
            self._threads.stop()


def cancel_job(client: BaseClient, output: AnyOutput) -> list[str]:
    """End the batches of a job; what they have answered, the next run fetches.

    :return: their ids.
    :raises LLMError: one could not be ended.
    """
    calls = _calls(client, Stop())
    return ProviderEngine(client._batches(), calls, notes_folder(output)).cancel()


def _calls(client: BaseClient, stop: Stop) -> Calls:
    return Calls(
        _transport(client),
        client._policy,
        client._source(client.model),
        client.codec.refusal,
        stop,
    )


def _transport(client: BaseClient) -> Transport:
    """A blocking one, on the connections that all clients of the address share."""
    return Transport(
        client.codec.api_root, client._headers, verify=client.config.verify, shared=True
    )
