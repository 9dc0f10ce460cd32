"""Entry point of the command line: `local-llm-kit` and `python -m local_llm_kit`.

It exists apart from `cli` because the console script is installed even where click is not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    :param args: arguments without the program's name; None takes the process's own.
    :raises SystemExit: always.
    """
    try:
        from local_llm_kit.cli import cli
    except ModuleNotFoundError as err:
        if err.name != "click":
            raise
        sys.exit(
            "error: the command line needs the package 'click', which is not installed;"
            " in llm-kit's folder run: pip install '.[llama,cli]'"
        )
    if "_LOCAL_LLM_KIT_COMPLETE" in os.environ:  # a shell asks what could be typed
        from local_llm_kit.cli.completion import register

        register()
    cli.main(args, prog_name="local-llm-kit")


if __name__ == "__main__":
    main()
