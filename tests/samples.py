"""Blocks of code in Markdown pages, so that tests can run what users copy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_DEFAULT_URL = "http://127.0.0.1:8000"


class Sample(NamedTuple):
    """One block: the heading it stands under, the line it starts on, and its code."""

    path: Path
    heading: str
    line: int
    code: str
    language: str = "python"

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line} {self.heading}"

    def run(self, namespace: dict[str, object], url: str) -> None:
        """Run the block in `namespace`, its server's default address replaced by `url`."""
        # Empty lines in front make a traceback name the line of the page.
        code = "\n" * self.line + self.code.replace(_DEFAULT_URL, url)
        exec(compile(code, str(self.path), "exec"), namespace)


def samples(path: Path) -> list[Sample]:
    """Every block of the page that names its language, in order."""
    text = path.read_text("utf-8")
    found = []
    for block in _BLOCK.finditer(text):
        # A comment in a block looks like a heading.
        prose = _BLOCK.sub("", text[: block.start()])
        heading = _HEADING.findall(prose)[-1]
        line = text.count("\n", 0, block.start()) + 1
        found.append(Sample(path, heading, line, block[2], block[1]))
    return found


def python_samples(path: Path) -> list[Sample]:
    """Every ```python block of the page, in order."""
    return [sample for sample in samples(path) if sample.language == "python"]
