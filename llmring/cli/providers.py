"""`llmring providers`."""

from __future__ import annotations

import os
from typing import Any

import click

from llmring.cli.command import RingCommand
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json, echo_table

_EXAMPLES = """\b
Examples:
  llmring providers
  llmring providers --json
"""


@click.command(cls=RingCommand, epilog=_EXAMPLES)
@json_option
def providers(as_json: bool) -> None:
    """Say which providers are set up, and what the others lack.

    No key is shown, and nobody is asked: a key that is refused shows in a call.
    """
    from llmring.lockfile import AliasResolver
    from llmring.providers.catalog import ProviderCatalog

    lockfile = AliasResolver().lockfile
    catalog = ProviderCatalog(lambda: lockfile.providers)
    told: list[dict[str, Any]] = []
    for name in catalog.names:
        entry = lockfile.providers.get(name)
        problem = catalog.why_unavailable(name)
        told.append(
            {
                "name": name,
                "is_set_up": problem is None,
                "problem": problem,
                "key_variable": _key_variable(name, entry.api_key_env if entry else None),
                "base_url": entry.base_url if entry else None,
            }
        )
    if as_json:
        echo_json(told)
        return
    echo_table(
        ("PROVIDER", "SET UP", ""),
        [(one["name"], "yes" if one["is_set_up"] else "no", _remark(one)) for one in told],
    )


def _key_variable(name: str, own: str | None) -> str | None:
    """The variable that the key is taken from, or would be; None where none is wanted."""
    from llmring.lockfile.names import PROVIDER_KEYS

    variables = PROVIDER_KEYS.get(name, (own,) if own else ())
    return next((one for one in variables if os.environ.get(one)), next(iter(variables), None))


def _remark(told: dict[str, Any]) -> str:
    if told["problem"]:
        return str(told["problem"])
    remarks = [told["base_url"], f"key from {told['key_variable']}" if told["key_variable"] else ""]
    if told["name"] == "local":
        remarks.append("models on this machine, such as local:tiny")
    if told["name"] == "ollama":
        remarks.append("wants no key; its server is not asked")
    return ", ".join(filter(None, remarks))
