"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from llmring.cli.names import complete_profile

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def profile_option(function: FunctionT) -> FunctionT:
    """``--profile``: `profile`."""
    return click.option(
        "-p",
        "--profile",
        metavar="NAME",
        shell_complete=complete_profile,
        help="Profile of the lockfile.  [default: LLMRING_PROFILE, else the lockfile's]",
    )(function)


def path_option(function: FunctionT) -> FunctionT:
    """``--path``: `lockfile_path`; ``--file`` is another name of it."""
    return click.option(
        "--path",
        "--file",
        "lockfile_path",
        metavar="FILE",
        help="The lockfile.  [default: LLMRING_LOCKFILE_PATH, else ./llmring.lock]",
    )(function)


def registry_option(function: FunctionT) -> FunctionT:
    """``--registry-url``: `registry_url`."""
    return click.option(
        "--registry-url",
        metavar="URL",
        help="A registry of models, in place of the bundled one.",
    )(function)
