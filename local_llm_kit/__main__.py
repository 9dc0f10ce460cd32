"""Entry point of the command line: `local-llm-kit` and `python -m local_llm_kit`.

It exists apart from `cli` because the console script is installed even where click is not.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

#: Why writing fails where nobody has closed the other end, which click sees to.
_OUTPUT_FAILS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


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
    try:
        cli.main(args, prog_name="local-llm-kit")
    except OSError as err:
        # What goes wrong with a named file is an error of ours long before.
        if err.errno not in _OUTPUT_FAILS or err.filename is not None:
            raise
        # Python writes what is left once more when it ends, and would say so in lines of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(f"error: cannot write to standard output: {err.strerror}")


if __name__ == "__main__":
    main()
