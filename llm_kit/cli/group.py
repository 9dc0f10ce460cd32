"""The group of all commands."""

from __future__ import annotations

import click

from LLM._version import __version__
from local_llm_kit.cli.lazy_group import LazyGroup

#: Commands by name: the module that has a function of that name, and the line that help shows.
_COMMANDS = {
    "batch": ("llm_kit.cli.batch", "Answer a file of requests, and go on after a stop."),
    "completion": ("llm_kit.cli.completion", "Complete commands and options in a shell."),
}

_EXAMPLES = """\b
Examples:
  llm-kit batch requests.jsonl answers.jsonl --local tiny
  llm-kit batch --help
"""


@click.group(cls=LazyGroup, commands=_COMMANDS, epilog=_EXAMPLES)
@click.version_option(__version__, prog_name="llm-kit")
def cli() -> None:
    """Work that outgrows one call: jobs of many requests.

    A model of this machine is served and asked by local-llm-kit; aliases, failover and cost are
    llmring's.
    """
