"""The group of all commands."""

from __future__ import annotations

import click

from LLM._version import __version__
from local_llm_kit.cli.lazy_group import LazyGroup

#: Commands by name: the module that has a function of that name, and the line that help shows.
_COMMANDS = {
    "chat": ("llmring.cli.chat", "Ask a model, and have its answer on standard output."),
    "aliases": ("llmring.cli.aliases", "List the lockfile's aliases and their models."),
    "bind": ("llmring.cli.bind", "Bind an alias to models, in the lockfile."),
    "lock": ("llmring.cli.lock", "Make, check and update the lockfile."),
    "list": ("llmring.cli.models:list_models", "List models with their prices."),
    "info": ("llmring.cli.info", "Show what is known of a model or an alias."),
    "providers": ("llmring.cli.providers", "Say which providers are set up, and what others lack."),
    "server": ("llmring.cli.server", "Keep conversations and usage on a server of your own."),
    "mcp": ("llmring.cli.mcp", "Use MCP servers, and offer the lockfile as one."),
    "stats": ("llmring.cli.server.records", "Show what calls took: tokens and dollars."),
    "cache": ("llmring.cli.cache", "Show or clear what registries gave."),
    "completion": ("llmring.cli.completion", "Complete commands and aliases in a shell."),
}

_EXAMPLES = """\b
Examples:
  llmring chat "Hello!"
  llmring providers
  llmring lock init
  llmring chat --help
"""


@click.group(cls=LazyGroup, commands=_COMMANDS, epilog=_EXAMPLES)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="llmring")
def cli(debug: bool) -> None:
    """One service over all language models: aliases, a lockfile, fallback, cost.

    Keys are taken from the environment, and from the file .env in this folder or above.
    """
