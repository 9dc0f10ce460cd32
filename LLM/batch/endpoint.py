"""Jobs of `LLM` and `AsyncLLM`: what a client is, as what a job needs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from LLM.batch.estimate import CountTokens
from LLM.batch.job import run_job
from LLM.batch.loop_engine import LoopEngine
from LLM.batch.output import AnyOutput
from LLM.batch.prompts import Requests
from LLM.batch.report import BatchReport
from LLM.batch.settings import DEFAULT_CONCURRENCY, JobSettings
from LLM.batch.stop import Stop
from LLM.batch.thread_engine import ThreadEngine
from LLM.batch.types import BatchRequest
from LLM.exceptions import LLMConfigError
from LLM.extras import async_transport
from LLM.headers import request_headers
from LLM.overflow import Count
from LLM.transport import Transport

if TYPE_CHECKING:
    from LLM.async_client import AsyncLLM
    from LLM.client import LLM


class EndpointJob:
    """A job at a client's address, to be run once, by any thread.

    :param client: an `LLM` or `AsyncLLM`, whose settings and policies the job's calls are under.
    :param requests: see `LLM.batch.prompts.source_of`.
    :param output: see `run_job`.
    :param options: `BatchOptions`.
    :raises LLMError: what was given makes no job.
    """

    def __init__(
        self, client: LLM | AsyncLLM, requests: Requests, output: AnyOutput, options: Any
    ) -> None:
        self._client = client
        self._settings = JobSettings.of(options)
        self._requests = requests
        self._output = output
        self._engine: LoopEngine | ThreadEngine | None = None
        self._stop = Stop()
        client._transport.require_open()
        if self._settings.engine == "ray":
            raise LLMConfigError(
                "engine is 'ray', which runs above this client: use `llm-kit batch --engine ray`, "
                "or llm_kit.ray"
            )
        if self._settings.engine == "threads":
            self._engine = engine_of(client, self._settings.concurrency or DEFAULT_CONCURRENCY)

    def run(self) -> BatchReport:
        """Answer the requests. :raises LLMError: as `run_job`."""
        client = self._client
        if self._engine is None:
            # Only those who use it load it.
            from LLM.batch.provider.jobs import run_at_openai

            return run_at_openai(client, self._requests, self._output, self._settings, self._stop)
        return run_job(
            self._requests,
            self._output,
            self._engine,
            self._settings,
            model=client.config.model,
            count_tokens=_counter(client._count_tokens),
        )

    def stop(self) -> None:
        """End the run early, wherever it is. For any thread."""
        self._stop.set()
        if self._engine is not None:
            self._engine.stop()


def engine_of(client: LLM | AsyncLLM, concurrency: int) -> LoopEngine | ThreadEngine:
    """What answers requests at a client's address, under its policies.

    It is an event loop where aiohttp is installed, and else, at some five times the CPU, threads.

    :param client: an `LLM` or `AsyncLLM`; it may be closed before the engine ends.
    :param concurrency: most requests in flight.
    """
    config, ledger = client.config, client._ledger
    headers = request_headers(config)
    try:
        new = async_transport("batch")
    except LLMConfigError:
        transport = Transport(
            config.api_root, headers, verify=config.verify, max_connections=concurrency
        )
        return ThreadEngine(
            transport, ledger, ledger.retry, concurrency=concurrency, timeout_s=config.timeout
        )
    return LoopEngine(
        lambda: new(config.api_root, headers, verify=config.verify, max_connections=concurrency),
        ledger,
        ledger.retry,
        concurrency=concurrency,
        timeout_s=config.timeout,
    )


def _counter(count: Count | None) -> CountTokens | None:
    """Tokens of a request by a function that counts messages."""
    if count is None:
        return None

    def counted(request: BatchRequest) -> int:
        body = request.body
        messages = body.get("messages")
        if messages is None:
            text = body.get("prompt") or body.get("input")
            messages = [{"role": "user", "content": text}]
        return count(messages)

    return counted
