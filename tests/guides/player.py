"""Plays a page: each block of code is run, and what the page says it prints is held against it.

======== ================================================================================
python   run, as a script, in the page's folder; one whose first line is `# name.py` is
         kept there as that file instead, for a command below to run
text     behind a python block: all that it printed, `…` for any part of a line, or alone
         for any lines
console  lines that begin with `$` are run by bash; below each, all that it shows
toml     kept as a file where its first line is `# name`; a lockfile has to be right
sh       not run, since it installs or goes on for ever: commands of ours must be known,
         and all of their options
py       of a package that is not here: only compiled
======== ================================================================================
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

import llm_kit.cli
import llmring.cli
import local_llm_kit.cli
from llmring.lockfile import validate
from tests.samples import DEFAULT_URL, Sample, fits, samples, steps

ROOT = Path(__file__).resolve().parents[2]
#: Shown and not run: settings of other programs.
SETTINGS = {"ini", "json", "nginx"}
COMMANDS = {
    "llm-kit": llm_kit.cli.cli,
    "llmring": llmring.cli.cli,
    "local-llm-kit": local_llm_kit.cli.cli,
}
MODULES = {"llm-kit": "llm_kit", "llmring": "llmring", "local-llm-kit": "local_llm_kit"}


def put_programs(folder: Path) -> None:
    """Make a folder with the programs that pages run, all by this Python."""
    folder.mkdir()
    for name in ("python", "pytest", *MODULES):
        module = "" if name == "python" else f"-m {MODULES.get(name, name)}"
        path = folder / name
        path.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} {module} "$@"\n')
        path.chmod(0o755)


class Player:
    """One page's folder, and the server that its samples call.

    :param url: of `local-llm-kit serve`, in place of the address that pages name.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self._places = {DEFAULT_URL: url, urlsplit(DEFAULT_URL).netloc: urlsplit(url).netloc}
        self._printed: str | None = None

    def play_page(self, page: Path) -> None:
        """Play all blocks, in order."""
        for sample in samples(page):
            self.play(sample)

    def play(self, sample: Sample) -> None:
        """Run a block, or hold it against what the one before it printed."""
        printed, self._printed = self._printed, None
        name = re.match(r"# (\S+\.\w+)\n", sample.code)
        if sample.language == "text":
            assert printed is not None, f"{sample} shows what no block printed"
            assert fits(sample.code, printed), f"{sample} is not what was printed:\n{printed}"
        elif name and sample.language in ("python", "toml"):
            self._keep(name[1], sample)
        elif sample.language == "python":
            self._printed = self._run(sample)
        elif sample.language == "console":
            for line, expected in steps(sample.code):
                shown = self._shown(line)
                assert fits(expected, shown), f"{sample}: {line}\n{shown}"
        elif sample.language == "sh":
            check_commands(sample)
        elif sample.language == "py":
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compile(sample.code, str(sample), "exec", flags, dont_inherit=True)
        else:
            assert sample.language in SETTINGS, sample

    def _keep(self, name: str, sample: Sample) -> None:
        path = self.folder / name
        path.write_text(self._placed(sample.code), "utf-8")
        if path.suffix == ".lock":
            assert [str(finding) for finding in validate(path)] == []

    def _run(self, sample: Sample) -> str:
        out, environ = io.StringIO(), dict(os.environ)
        try:
            with contextlib.redirect_stdout(out):
                sample.run({}, self._places[DEFAULT_URL])
        finally:  # each is a program of its own
            os.environ.clear()
            os.environ.update(environ)
        return self._shown_as_told(out.getvalue())

    def _shown(self, line: str) -> str:
        ended = subprocess.run(
            ["bash", "-c", self._placed(line)], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100, check=False,
        )  # fmt: skip
        return self._shown_as_told(ended.stdout.decode())

    def _placed(self, text: str) -> str:
        return text.replace(DEFAULT_URL, self._places[DEFAULT_URL])

    def _shown_as_told(self, text: str) -> str:
        """A text with the pages' address in place of the true one, and no folder's path."""
        for told, true in self._places.items():
            text = text.replace(true, told)
        return text.replace(f"{self.folder}{os.sep}", "")


def check_commands(sample: Sample) -> None:
    """Hold each of our commands in a block against the options that there are."""
    for line in sample.code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        if words and words[0] in COMMANDS:
            _parse(COMMANDS[words[0]], words)


def _parse(command: click.Command, words: list[str]) -> None:
    """Parse a command's words as click does, and run nothing."""
    name, *rest = [word for word in words if word not in ("&", "|")]
    context = command.make_context(name, rest, resilient_parsing=False)
    with context:
        if isinstance(command, click.Group):
            left = [*context._protected_args, *context.args]  # one list from click 9 on
            _, found, _ = command.resolve_command(context, left)
            assert found is not None, words
            _parse(found, left)
