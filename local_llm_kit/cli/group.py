"""The group of all commands."""

from __future__ import annotations

import click

from LLM._version import __version__
from local_llm_kit.cli.lazy_group import LazyGroup

#: Commands by name: the module that has a function of that name, and the line that help shows.
_COMMANDS = {
    "serve": ("local_llm_kit.cli.serve", "Serve models to any client, with a chat page."),
    "chat": ("local_llm_kit.cli.chat", "Chat with a model in the terminal."),
    "run": ("local_llm_kit.cli.run", "Answer one prompt on standard output."),
    "bench": ("local_llm_kit.cli.bench", "Measure how fast a model reads and writes."),
    "models": ("local_llm_kit.cli.models", "List, describe, download and remove models."),
    "ps": ("local_llm_kit.cli.ps", "Show what a running server has loaded."),
    "doctor": ("local_llm_kit.cli.doctor", "Say what is installed, what is missing, what adds it."),
    "completion": ("local_llm_kit.cli.completion", "Complete commands and models in a shell."),
}

_EXAMPLES = """\b
Examples:
  local-llm-kit serve
  local-llm-kit chat
  local-llm-kit run "What is the capital of France?"
  local-llm-kit run --help
"""


@click.group(cls=LazyGroup, commands=_COMMANDS, epilog=_EXAMPLES)
@click.version_option(__version__, prog_name="local-llm-kit")
def cli() -> None:
    """Run language models on this machine: serve them, or chat with them here."""
