"""Jobs of many requests at a provider: what `batch` of the clients runs.

See `LLM.batch` for what a job is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from LLM.batch.prompts import Requests, source_of
from LLM.batch.provider.calls import Calls, Stop
from LLM.batch.provider.engine import ProviderEngine
from LLM.batch.provider.jobs import AnyOutput, notes_folder, run_at_provider
from LLM.batch.report import BatchReport
from LLM.batch.settings import JobSettings
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
        self._source = source_of(requests)
        self._stop = Stop()
        if self._settings.engine != "provider":
            raise LLMConfigError(
                f"engine is {self._settings.engine!r}; {type(client).__name__}.batch takes "
                "engine='provider', its provider's own batch endpoint"
            )
        self._api = client._batches()

    def run(self) -> BatchReport:
        """Answer the requests. :raises LLMError: as `LLM.batch.provider.jobs.run_at_provider`."""
        with _calls(self._client, self._stop) as calls:
            return run_at_provider(
                self._api,
                calls,
                self._source,
                self._output,
                self._settings,
                model=self._client.model,
            )

    def stop(self) -> None:
        """End the run early, wherever it is; what the provider has goes on. For any thread."""
        self._stop.set()


def cancel_job(client: BaseClient, output: AnyOutput) -> list[str]:
    """End the batches of a job; what they have answered, the next run fetches.

    :return: their ids.
    :raises LLMError: one could not be ended.
    """
    with _calls(client, Stop()) as calls:
        return ProviderEngine(client._batches(), calls, notes_folder(output)).cancel()


@contextmanager
def _calls(client: BaseClient, stop: Stop) -> Iterator[Calls]:
    transport = Transport(
        client.codec.api_root, client._headers, verify=client.config.verify, shared=True
    )
    try:
        yield Calls(
            transport, client._policy, client._source(client.model), client.codec.refusal, stop
        )
    finally:
        transport.close()
