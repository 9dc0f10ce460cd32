"""`llmring cache`."""

from __future__ import annotations

import click

from llmring.cli.command import RingCommand
from local_llm_kit.cli.lazy_group import LazyGroup
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json
from local_llm_kit.cli.terminal import printable_line

_COMMANDS = {
    "info": ("llmring.cli.cache", "Show where they are, how many, and how large."),
    "clear": ("llmring.cli.cache", "Delete them."),
}

_EXAMPLES = """\b
Examples:
  llmring cache info
  llmring cache clear
"""


@click.group(cls=LazyGroup, commands=_COMMANDS, epilog=_EXAMPLES)
def cache() -> None:
    """The files that registries of models gave, kept on this disk."""


@click.command(cls=RingCommand, epilog="\b\nExamples:\n  llmring cache info --json\n")
@json_option
def info(as_json: bool) -> None:
    """Show where the files are, how many, and how large."""
    from llmring.registry.disk import DiskCache

    disk = DiskCache()
    sizes = disk.sizes()
    if as_json:
        echo_json({"folder": str(disk.folder), "files": len(sizes), "size_bytes": sum(sizes)})
        return
    files = "1 file" if len(sizes) == 1 else f"{len(sizes)} files"
    click.echo(printable_line(f"{disk.folder}: {files}, {sum(sizes):,} bytes"))


@click.command(cls=RingCommand, epilog="\b\nExamples:\n  llmring cache clear\n")
def clear() -> None:
    """Delete the files. A registry that is named is read again when it is next needed."""
    from llmring.registry.disk import DiskCache

    count = DiskCache().clear()
    click.echo("1 file deleted" if count == 1 else f"{count} files deleted")
