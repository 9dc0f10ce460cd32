"""Blocks of code in Markdown pages, so that tests can run what users copy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
#: Where pages take `local-llm-kit serve` to be.
DEFAULT_URL = "http://127.0.0.1:8000"


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
        code = "\n" * self.line + self.code.replace(DEFAULT_URL, url)
        # Without dont_inherit its annotations would be text, by this file's own first import.
        exec(compile(code, str(self.path), "exec", dont_inherit=True), namespace)


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


def steps(console: str) -> list[tuple[str, str]]:
    """The commands of a console, the lines that begin with `$`, each with what it shows."""
    parted = re.split(r"^\$ (.*)\n", console, flags=re.MULTILINE)
    return list(zip(parted[1::2], parted[2::2], strict=True))


def fits(expected: str, text: str) -> bool:
    """Whether a text is as expected; `…` stands for a part of a line, or alone for any lines."""
    lines = [
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"
        for line in expected.splitlines()
    ]
    return re.fullmatch("".join(lines), text) is not None
