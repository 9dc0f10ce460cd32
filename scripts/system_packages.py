"""What tests drive and pip cannot bring: the browser that shows the chat page."""

from __future__ import annotations

import os
import shlex
import shutil
import sys

import environment
import processes

#: The program; Debian's package has the same name.
_BROWSER = "chromium"
#: Nothing is asked: there is nobody to answer.
_APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes")


def ensure_browser() -> None:
    """Install the browser where this can be done without asking: as root, with apt.

    Elsewhere it is said how. Without it the page's tests are skipped; with ``CI`` set they fail.
    """
    if shutil.which(_BROWSER):
        return
    install = [*_APT, "install", "--no-install-recommends", _BROWSER]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        advice = f"on Debian run: sudo apt-get install {_BROWSER}"
        print(f"the chat page's tests need {_BROWSER!r}; {advice}", file=sys.stderr)
        return
    try:
        for command in ([*_APT, "update"], install):
            processes.follow(f"installing {_BROWSER}", command, cwd=environment.ROOT)
    except processes.CommandError as err:
        print(f"{shlex.join(install)} failed, so the page is not tested: {err}", file=sys.stderr)
