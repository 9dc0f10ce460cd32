"""The command `llm-kit`, on click.

Data goes to stdout and messages to stderr; it ends with 0, 1 (failed), 2 (wrong usage) or 130
(interrupted). A command's module is imported when it runs, so that `--help` is quick.
"""

from __future__ import annotations

from llm_kit.cli.group import cli

__all__ = ["cli"]
