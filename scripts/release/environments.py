"""Clean environments: one with the tools of a release, one for each thing that is tried."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import processes

#: The tools, pinned like everything that development takes.
TOOLS = ("build==1.6.1", "pip==26.3", "pip-audit==2.10.1", "twine==7.0.0")


class Environments:
    """Makes environments in a folder that is thrown away, outside of the repository.

    :param folder: where they are made.
    :param constraints: versions that are taken.
    """

    def __init__(self, folder: Path, constraints: Path) -> None:
        self.folder = folder
        self._constraints = constraints
        self.tools = folder / "tools"

    def make_tools(self) -> None:
        """Make the one with the tools.

        :raises processes.CommandError: a tool cannot be installed.
        """
        self._venv(self.tools)
        pip = [self.python(self.tools), "-m", "pip", "install", *TOOLS]
        processes.follow("installing tools", pip, cwd=self.folder)

    def make(self, name: str, requirement: str) -> Path:
        """Make one with a requirement and what it needs.

        :raises processes.CommandError: it cannot be installed, or what is there does not fit.
        """
        venv = self.folder / name
        self._venv(venv, "--without-pip")
        pip = [self.python(self.tools), "-m", "pip", "--python", self.python(venv)]
        install = [*pip, "install", "--constraint", str(self._constraints), requirement]
        processes.follow(f"installing {name}", install, cwd=self.folder)
        processes.follow(f"checking {name}", [*pip, "check"], cwd=self.folder)
        return venv

    def installed(self, venv: Path) -> set[str]:
        """Names of what is installed in an environment."""
        pip = [self.python(self.tools), "-m", "pip", "--python", self.python(venv)]
        freeze = subprocess.run([*pip, "freeze"], capture_output=True, text=True, check=True)
        names = (re.split("==| @", line)[0] for line in freeze.stdout.splitlines())
        return {name.lower() for name in names}

    def attempt(self, venv: Path, command: Sequence[str]) -> str | None:
        """Run a program of an environment, or Python code after ``-c``, in an empty folder.

        :return: None when it ended with 0, else what it did.
        """
        program = venv / "bin" / command[0]
        with tempfile.TemporaryDirectory(dir=self.folder) as empty:
            run = subprocess.run(
                [str(program), *command[1:]],
                cwd=empty,
                env=_environ(empty),
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        if run.returncode == 0:
            return None
        shown = " ".join(command)[:200].strip()
        return f"{venv.name}: {shown!r} ended with {run.returncode}: {run.stderr[-600:].strip()}"

    @staticmethod
    def python(venv: Path) -> str:
        """The Python of an environment."""
        return str(venv / "bin" / "python")

    def _venv(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "venv", *options, str(folder)]
        processes.follow(f"making {folder.name}", command, cwd=self.folder)


def _environ(home: str) -> dict[str, str]:
    """Nobody's settings: no keys, no Python path, a home that is empty."""
    kept = {name: os.environ[name] for name in ("LANG", "PATH") if name in os.environ}
    return kept | {"HOME": home, "PYTHONWARNINGS": "default"}
