"""`local-llm-kit models`: what is on this disk, and bringing and removing it."""

from __future__ import annotations

import click

from local_llm_kit.cli.models.fetching import pull
from local_llm_kit.cli.models.listing import list_models
from local_llm_kit.cli.models.planning import plan
from local_llm_kit.cli.models.removing import rm
from local_llm_kit.cli.models.showing import show

__all__ = ["models"]

_EXAMPLES = """\b
Examples:
  local-llm-kit models list
  local-llm-kit models show tiny
  local-llm-kit models plan tiny --memory-budget 24MiB
"""


@click.group(epilog=_EXAMPLES)
def models() -> None:
    """The models on this machine: list, describe, plan, download and remove them."""


for _command in (list_models, show, plan, pull, rm):
    models.add_command(_command)
