"""`llmring lock`: making, checking and updating the lockfile."""

from __future__ import annotations

import click

from llmring.cli.lock.checking import check, validate
from llmring.cli.lock.making import init
from llmring.cli.lock.pinning import bump_registry

__all__ = ["lock"]

_EXAMPLES = """\b
Examples:
  llmring lock init
  llmring lock check
  llmring lock validate
  llmring lock bump-registry
"""


@click.group(epilog=_EXAMPLES)
def lock() -> None:
    """The lockfile: which models each alias stands for."""


for _command in (init, check, validate, bump_registry):
    lock.add_command(_command)
