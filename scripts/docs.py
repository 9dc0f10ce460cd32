"""The documentation site, built from `docs/`: what `scripts/docs` runs.

A warning ends the build with an error: a page that no list names, a link that leads nowhere, a
docstring that cannot be read.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import environment


def main() -> int:
    """Build the site.

    :return: the exit code: 0 built, 1 failed.
    """
    folder = _parse()
    try:
        python = environment.prepare("test")
    except environment.SetupError as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    built = subprocess.run([str(python), "-m", "sphinx", *sphinx_arguments(folder)], check=False)
    if built.returncode == 0:
        print(f"the site: {folder / 'index.html'}")
    return 1 if built.returncode else 0


def sphinx_arguments(folder: Path) -> list[str]:
    """What Sphinx is told, so that the test of the site builds it in the same way."""
    # -E: a page of the API reads modules, whose changes a kept environment would not see.
    options = ["--quiet", "--fail-on-warning", "--keep-going", "--fresh-env"]
    return [*options, "--builder", "html", str(environment.ROOT / "docs"), str(folder)]


def _parse() -> Path:
    parser = argparse.ArgumentParser(
        prog="scripts/docs", description="Build the documentation site, with warnings as errors."
    )
    default = environment.ROOT / "build" / "site"
    parser.add_argument("folder", nargs="?", type=Path, default=default, help="(build/site)")
    return parser.parse_args().folder.absolute()  # type: ignore[no-any-return]  # of argparse


if __name__ == "__main__":
    sys.exit(main())
