"""`local-llm-kit models list`."""

from __future__ import annotations

from typing import Any

import click

from local_llm_kit.cli.command import Command
from local_llm_kit.cli.models.finding import sources
from local_llm_kit.cli.options import json_option, url_options
from local_llm_kit.cli.tables import day, echo_json, echo_table, utc
from local_llm_kit.cli.terminal import printable_line

_EXAMPLES = """\b
Examples:
  local-llm-kit models list
  local-llm-kit models list --json
"""


@click.command("list", cls=Command, epilog=_EXAMPLES)
@json_option
@url_options()
def list_models(url: str | None, api_key: str | None, as_json: bool) -> None:
    """List the models on this disk, or those of a server (--url)."""
    if url is not None:
        _list_served(url, api_key, as_json)
        return
    from local_llm_kit import settings
    from local_llm_kit.inventory import inventory
    from local_llm_kit.memory_plan import format_bytes

    found = inventory(sources(), settings.default_model_path())
    if as_json:
        echo_json(
            [
                {
                    "name": one.name,
                    "source": one.source,
                    "kind": one.kind,
                    "size_bytes": one.size_bytes,
                    "modified": utc(one.modified) if one.files else None,
                    "revision": one.revision,
                    "files": list(one.files),
                    "problem": one.problem,
                }
                for one in found
            ]
        )
        return
    echo_table(
        ("NAME", "SIZE", "FROM", "MODIFIED"),
        [
            (one.name, format_bytes(one.size_bytes), one.source, day(one.modified))
            if one.problem is None
            else (one.name, "unusable", one.source, "")
            for one in found
        ],
    )
    for one in found:
        if one.problem is not None:
            click.echo(printable_line(f"warning: {one.problem}"), err=True)


def _list_served(url: str, api_key: str | None, as_json: bool) -> None:
    from local_llm_kit.cli.remote import Server

    server = Server(url, api_key)
    try:
        cards = server.list_of("/v1/models", "data")
    finally:
        server.close()
    if as_json:
        echo_json(cards)
        return
    echo_table(("NAME", "WINDOW", "TAKES"), [_row(card) for card in cards])


def _row(card: dict[str, Any]) -> tuple[str, str, str]:
    """A line about a model; most servers tell its name alone."""
    window, abilities = card.get("context_length"), card.get("capabilities")
    return (
        str(card.get("id", "")),
        f"{window:,}" if isinstance(window, int) else "",
        ", ".join(map(str, abilities)) if isinstance(abilities, list) else "",
    )
