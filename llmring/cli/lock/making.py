"""`llmring lock init`."""

from __future__ import annotations

import os

import click

from LLM.extras import how_to_add
from llmring.cli.command import RingCommand
from llmring.cli.options import path_option
from local_llm_kit.cli.terminal import note, printable_line

_EXAMPLES = """\b
Examples:
  llmring lock init
  llmring lock init --path other.lock --force
"""

_NO_KEY = (
    "(no provider key is set; until one is, local:tiny answers, a demonstration model on this"
    " machine)"
)
_NO_MODEL = (
    "(no provider key is set and no engine is installed, so no model answers yet; set a key, or {})"
)


@click.command(cls=RingCommand, epilog=_EXAMPLES)
@click.option("--force", is_flag=True, help="Replace the lockfile that is there.")
@path_option
def init(force: bool, lockfile_path: str | None) -> None:
    """Make a lockfile with the usual aliases, for the providers whose keys are set.

    Where no key is set, the aliases list the models of all providers.
    """
    from llmring.lockfile import BUILTIN_PROVIDERS, LockfileDocument, locate
    from llmring.lockfile.reading import problem
    from llmring.providers.catalog import ProviderCatalog

    target = locate(lockfile_path).target
    if os.path.isdir(target):
        raise problem(target, "is a folder; name the lockfile itself")
    if os.path.lexists(target) and not force:
        raise problem(target, "already exists; --force replaces it", code="exists")
    catalog = ProviderCatalog(dict)
    keyed = catalog.keyed
    # Aliases of local:tiny alone would be of no use to who sets a key later.
    document = LockfileDocument.starter(keyed or BUILTIN_PROVIDERS, target)
    document.save(force=force)
    aliases = document.lockfile.profiles[document.lockfile.default_profile].bindings
    names = ", ".join(binding.alias for binding in aliases)
    click.echo(printable_line(f"wrote {target}: {names}"))
    lacking = _NO_KEY if catalog.is_available("local") else _NO_MODEL.format(how_to_add("llama"))
    note(f"(models of {', '.join(keyed)} and local:tiny)" if keyed else lacking)
