"""`llmring lock`: making, checking and updating the lockfile."""

from __future__ import annotations

import click

from local_llm_kit.cli.lazy_group import LazyGroup

__all__ = ["lock"]

_COMMANDS = {
    "init": ("llmring.cli.lock.making", "Make a lockfile with the usual aliases."),
    "chat": ("llmring.cli.lock.chatting:lock_chat", "Have a model advise on it, and change it."),
    "check": ("llmring.cli.lock.checking", "Check that it and its packages can be used."),
    "validate": ("llmring.cli.lock.checking", "Say all that is wrong with it, by its lines."),
    "bump-registry": (
        "llmring.cli.lock.pinning:bump_registry",
        "Pin the lists of models, and say what has changed.",
    ),
}

_EXAMPLES = """\b
Examples:
  llmring lock init
  llmring lock chat
  llmring lock check
  llmring lock validate
  llmring lock bump-registry
"""


@click.group(cls=LazyGroup, commands=_COMMANDS, epilog=_EXAMPLES)
def lock() -> None:
    """The lockfile: which models each alias stands for."""
