"""The `llm-kit` command line."""

from __future__ import annotations

from typing import Any

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="llm-kit")
def cli(**_: Any) -> None:
    """Work that spans the packages of llm-kit."""
