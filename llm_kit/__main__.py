"""Entry point of the command line: `llm-kit` and `python -m llm_kit`.

It exists apart from `cli` because the console script is installed even where click is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from LLM.console import run_program


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    :param args: arguments without the program's name; None takes the process's own.
    :raises SystemExit: always.
    """
    run_program(_load, "llm-kit", args, extras="batch")


def _load() -> Any:
    from llm_kit.cli import cli

    return cli


if __name__ == "__main__":
    main()
