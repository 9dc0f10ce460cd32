"""One job, whoever answers it: the same arguments and options at every client and in the shell."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints

import click
import pytest

from cloud.llm import AnthropicClient, AsyncAnthropicClient, AsyncOpenAICompatClient
from LLM import LLM, AsyncLLM, BatchOptions
from LLM.batch.settings import JobSettings
from llm_kit import run_batch
from llm_kit.cli import cli
from llm_kit.cli.batch_options import JOB_OPTIONS
from llm_kit.ray import RayBatchClient
from local_llm_kit import AsyncLLMClient, LLMClient

OPTIONS = set(get_type_hints(BatchOptions))
CLIENTS = (
    LLM, AsyncLLM, LLMClient, AsyncLLMClient, AnthropicClient, AsyncAnthropicClient,
    AsyncOpenAICompatClient, RayBatchClient,
)  # fmt: skip


def arguments(function: Callable[..., Any]) -> list[tuple[str, Any, str]]:
    """Names, defaults and types, but for the client itself."""
    found = inspect.signature(function).parameters.values()
    return [(one.name, one.default, str(one.annotation)) for one in found if one.name != "self"]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_every_client_takes_a_job_alike(client: Any) -> None:
    assert arguments(client.batch) == arguments(LLM.batch)


def test_a_job_of_tables_takes_the_same_options() -> None:
    assert arguments(run_batch)[-1] == arguments(LLM.batch)[-1]


def test_every_option_is_a_setting() -> None:
    assert {field.name for field in fields(JobSettings)} == OPTIONS


def test_every_option_is_one_of_the_command() -> None:
    command = cli.get_command(click.Context(cli), "batch")
    assert command is not None
    # Prices are those of the registry, which --provider and --base-url name.
    assert {"price", *JOB_OPTIONS} == OPTIONS
    assert set(JOB_OPTIONS) <= {parameter.name for parameter in command.params}
