"""Jobs at a provider from their input to their report: what `batch` of the clients calls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from LLM.attempts import refusal
from LLM.batch.job import run_job
from LLM.batch.output import AnyOutput
from LLM.batch.prompts import Requests
from LLM.batch.provider.calls import Calls
from LLM.batch.provider.engine import ProviderEngine
from LLM.batch.provider.openai import OpenAIBatches
from LLM.batch.provider.types import PRICE_FACTOR, BatchAPI
from LLM.batch.report import BatchReport
from LLM.batch.settings import JobSettings
from LLM.batch.stop import Stop
from LLM.batch.types import Price
from LLM.exceptions import LLMConfigError
from LLM.headers import request_headers
from LLM.preparation import Preparation
from LLM.transport import Transport
from LLM.types import Usage
from LLM.usage import UsageTracker


def run_at_openai(
    client: Preparation,
    requests: Requests,
    output: AnyOutput,
    settings: JobSettings,
    stop: Stop,
) -> BatchReport:
    """Answer a job through the batch endpoint at an OpenAI-compatible address.

    :param client: an `LLM` or `AsyncLLM`, whose address, key and retry policy are used.
    :param stop: ends this run, not the batches, from another thread.
    :raises LLMConfigError: the client has a limit that no provider holds.
    :raises LLMError: as `run_at_provider`.
    """
    config = client.config
    if config.max_total_tokens is not None:
        raise LLMConfigError(
            f"max_total_tokens is {config.max_total_tokens:,}, which a provider's batch endpoint "
            "knows nothing of; leave it out, or use engine='threads'"
        )
    with openai_calls(client, stop) as calls:
        return run_at_provider(
            OpenAIBatches(),
            calls,
            requests,
            output,
            settings,
            model=config.model,
            usage=client.usage,
        )


def run_at_provider(
    api: BatchAPI,
    calls: Calls,
    requests: Requests,
    output: AnyOutput,
    settings: JobSettings,
    *,
    model: str | None,
    usage: UsageTracker | None = None,
) -> BatchReport:
    """Answer a job through a provider's batch endpoint.

    :param model: of bodies that name none.
    :param usage: counts the tokens of what is answered.
    :raises LLMConfigError: there is no output file, which a job of up to a day needs.
    :raises LLMError: as `LLM.batch.job.run_job`, and as `ProviderEngine.run`.
    """
    engine = ProviderEngine(
        api,
        calls,
        notes_folder(output),
        most_in_flight=settings.concurrency,
        keeps_rest=settings.limit is not None or settings.max_cost is not None,
        usage=usage,
    )
    settings = replace(settings, price=discounted(settings.price, PRICE_FACTOR))
    report = run_job(requests, output, engine, settings, model=model, urls=api.urls)
    if not settings.dry_run:
        engine.tidy()
    return report


def cancel_at_openai(client: Preparation, output: AnyOutput) -> list[str]:
    """End a job's batches; what they have answered, the next run fetches.

    :param output: of the job.
    :return: the ids of the batches; none where the provider has none of the job.
    :raises LLMError: one could not be ended.
    """
    with openai_calls(client, Stop()) as calls:
        return ProviderEngine(OpenAIBatches(), calls, notes_folder(output)).cancel()


def notes_folder(output: AnyOutput) -> Path:
    """Where a job's notes are: ``out.jsonl.batches`` for ``out.jsonl``.

    :raises LLMConfigError: the job has no output file.
    """
    if output is None:
        raise LLMConfigError(
            "output is None, and a provider's batch runs for up to a day; name a file for the "
            "answers, by which a later call finds the batch again"
        )
    path = Path(output) if isinstance(output, str | os.PathLike) else output.path
    return path.with_name(path.name + ".batches")


def discounted(price: Price | None, factor: float) -> Price | None:
    """A price times `factor`."""
    if price is None:
        return None

    def discounted_price(model: str, usage: Usage) -> float | None:
        full = price(model, usage)
        return None if full is None else full * factor

    return discounted_price


@contextmanager
def openai_calls(client: Preparation, stop: Stop) -> Iterator[Calls]:
    """Calls of a client's address; their connections end with the block."""
    config = client.config
    transport = Transport(
        config.api_root, request_headers(config), verify=config.verify, max_connections=4
    )
    try:
        answerer = client._ledger.source(config.model)
        yield Calls(transport, client._ledger.retry, answerer, refusal, stop)
    finally:
        transport.close()
