"""`local-llm-kit models rm`."""

from __future__ import annotations

import sys
from typing import Any

import click

from local_llm_kit.cli.command import Command
from local_llm_kit.cli.model_names import complete_model
from local_llm_kit.cli.models.finding import sources
from local_llm_kit.cli.options import json_option, load_options
from local_llm_kit.cli.tables import echo_json

_EXAMPLES = """\b
Examples:
  local-llm-kit models rm owner/name:Q4_K_M
  local-llm-kit models rm owner/name@v1.0 --yes
  local-llm-kit models rm ollama:llama3.2:1b
"""


@click.command(cls=Command, epilog=_EXAMPLES)
@click.argument("name", shell_complete=complete_model)
@click.option("-y", "--yes", is_flag=True, help="Do not ask first.")
@load_options("host")
@json_option
@click.pass_context
def rm(ctx: click.Context, name: str, yes: bool, host: str | None, as_json: bool) -> None:
    """Remove a downloaded model from the hub's cache.

    owner/name removes all files of its version, owner/name:Q4_K_M that file alone; what other
    versions share with it stays. A model of Ollama's store is removed by the Ollama server. The
    bundled model, and files at a path of yours, are left alone.
    """
    from local_llm_kit.removal import is_of_ollama

    is_ollamas = is_of_ollama(name, sources())
    told = _from_ollama(name, host, yes) if is_ollamas else _from_cache(name, yes)
    if told is None:
        click.echo("nothing was removed", err=True)
        ctx.exit(1)
    if as_json:
        echo_json(told)


def _from_cache(name: str, yes: bool) -> dict[str, Any] | None:
    """Remove a model of the hub; what was done, or None if it was not to be."""
    from local_llm_kit.memory_plan import format_bytes
    from local_llm_kit.open_files import mapped_by
    from local_llm_kit.removal import plan_removal, remove

    removal = plan_removal(name, sources())
    size = format_bytes(removal.freed_bytes)
    n_files = len(removal.entries)
    version = f" at {removal.commit[:12]}" if removal.commit else ", not downloaded as a whole"
    what = f"{n_files} file{'s' * (n_files != 1)} of {name}{version}"
    if not (yes or _confirmed(f"remove {what} from {removal.folder} ({size})?")):
        return None
    users = mapped_by(removal.blobs or removal.entries)
    remove(removal)
    click.echo(f"removed {what}: {size} freed", err=True)
    if users:
        click.echo(
            f"warning: it is loaded by process {', '.join(map(str, users))}, which goes on working "
            "and keeps the space until it ends",
            err=True,
        )
    return {
        "name": name,
        "source": "hub",
        "revision": removal.commit or None,
        "n_files": n_files,
        "freed_bytes": removal.freed_bytes,
        "used_by": users,
    }


def _from_ollama(name: str, host: str | None, yes: bool) -> dict[str, Any] | None:
    """Let Ollama remove a model; what was done, or None if it was not to be."""
    from local_llm_kit.engines.ollama.administration import remove_model
    from local_llm_kit.engines.ollama.options import OllamaOptions
    from local_llm_kit.model_files import OLLAMA_PREFIX

    bare = name.removeprefix(OLLAMA_PREFIX)
    if not (yes or _confirmed(f"let Ollama remove {bare}?")):
        return None
    server = remove_model(bare, OllamaOptions(host))
    click.echo(f"{server} removed {bare}", err=True)
    return {"name": name, "source": "ollama", "server": server}


def _confirmed(question: str) -> bool:
    """Whether the user says yes; the end of standard input says no."""
    # Not click.confirm: it makes of Ctrl-C an exit code of 1.
    click.echo(f"{question} [y/N] ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        click.echo("no answer; --yes answers it", err=True)
    return answer.strip().lower() in ("y", "yes")
