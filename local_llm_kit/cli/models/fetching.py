"""`local-llm-kit models pull`."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

import click

from LLM.exceptions import LLMConfigError, ModelNotFoundError
from local_llm_kit.cli.command import Command
from local_llm_kit.cli.model_names import complete_model
from local_llm_kit.cli.models.finding import sources
from local_llm_kit.cli.options import json_option, load_options
from local_llm_kit.cli.tables import echo_json

if TYPE_CHECKING:
    from local_llm_kit.local_files import ModelFile

_EXAMPLES = """\b
Examples:
  local-llm-kit models pull tiny
  local-llm-kit models pull owner/name:Q4_K_M
  local-llm-kit models pull ollama:llama3.2:1b
"""


@click.command(cls=Command, epilog=_EXAMPLES)
@click.argument("name", shell_complete=complete_model)
@load_options("backend", "progress", "host")
@json_option
def pull(
    name: str, backend: str | None, progress: bool | None, host: str | None, as_json: bool
) -> None:
    """Download a model from the Hugging Face hub, or bring it up to date.

    What a broken download has brought is kept, and the next one goes on from there. Every file is
    held against its hash. An ollama:NAME is downloaded by the Ollama server. The path of what came
    is written to standard output.
    """
    from local_llm_kit.model_files import OLLAMA_PREFIX

    if name.startswith(OLLAMA_PREFIX):
        _pull_at_ollama(name, host, progress, as_json)
        return
    found = _brought(name, backend, progress)
    if as_json:
        echo_json(
            {
                "name": name,
                "source": found.source,
                "kind": found.kind,
                "path": found.path,
                "revision": found.revision,
                "sha256": found.sha256,
            }
        )
    else:
        click.echo(os.fsencode(found.path))
    _say_how_to_use(name)


def _brought(name: str, backend: str | None, progress: bool | None) -> ModelFile:
    """The model, downloaded where its name says the hub."""
    from local_llm_kit import hub, settings
    from local_llm_kit.hub_files import parse_name
    from local_llm_kit.local_files import ModelFile
    from local_llm_kit.model_files import OLLAMA_PREFIX, find_model, is_path

    places = sources(backend)
    wanted = None if is_path(name) else parse_name(name)
    if wanted is None:
        try:
            return find_model(name, sources=places)
        except ModelNotFoundError as err:
            if not re.fullmatch(r"[\w.-]+:[\w.-]+", name):
                raise
            hint = f"{err}; an Ollama server may bring it: models pull {OLLAMA_PREFIX}{name}"
            raise ModelNotFoundError(hint, status_code=404, model=name, code=err.code) from err
    if settings.offline(None):
        raise LLMConfigError(
            f"{name!r} cannot be downloaded: {settings.OFFLINE_VARIABLE} forbids it; unset it"
        )
    came = hub.download(wanted, places.kinds, places.cache_dir, progress=progress)
    return ModelFile(name, came.path, came.kind, "hub", came.commit, came.sha256)


def _pull_at_ollama(name: str, host: str | None, progress: bool | None, as_json: bool) -> None:
    from local_llm_kit.engines.ollama.administration import pull_model
    from local_llm_kit.engines.ollama.options import OllamaOptions
    from local_llm_kit.model_files import OLLAMA_PREFIX

    bare = name.removeprefix(OLLAMA_PREFIX)
    server = pull_model(bare, OllamaOptions(host, progress=progress))
    if as_json:
        echo_json({"name": name, "source": "ollama", "server": server})
    else:
        click.echo(f"{server} has {bare}")
    _say_how_to_use(name)


def _say_how_to_use(name: str) -> None:
    shown = shlex.quote(name)
    click.echo(
        f"use it: local-llm-kit chat -m {shown}, or local-llm-kit serve -m {shown}", err=True
    )
