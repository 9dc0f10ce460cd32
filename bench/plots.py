"""The pictures and tables of docs/benchmarks.md, of what benchmarks wrote into bench/results.

    python bench/plots.py [--check]

For each `results/NAME.json` a picture is drawn, `docs/images/bench-NAME.svg`, and what stands on
the page between `<!-- measured NAME -->` and `<!-- end -->` is replaced. Blocks without such a file
stay as they are. `--check` writes nothing, and ends with exit status 1 if anything would change.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from chart import Bar, Panel, draw
from tables import tables

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
#: What is drawn of a benchmark; of others the first column of each table.
COLUMNS = {"server": ("tokens a second", "to the first text, ms")}
#: Beginnings of rows and columns that are not ours.
PEERS = (
    "`import openai`", "`import requests`", "AsyncLLM in a loop", "`generate`", "aiohttp",
    "decode loop", "httpx2", "llama", "openai", "requests", "the engine alone", "the same, of",
)  # fmt: skip
_BLOCK = "<!-- measured {} -->\n"
_END = "<!-- end -->"


def panels(found: dict[str, Any]) -> list[Panel]:
    """What is drawn of the findings: contenders on one scale where they did the same."""
    if found["bench"].startswith("local-"):
        return _of_rows(found["figures"])
    drawn = []
    for table in dict.fromkeys(figure["table"] for figure in found["figures"]):
        figures = [one for one in found["figures"] if one["table"] == table]
        for column in COLUMNS.get(found["bench"], (figures[0]["column"],)):
            bars = _bars([one for one in figures if one["column"] == column], "row")
            if bars:
                drawn.append(Panel(_title(table, column), bars))
    return drawn


def _of_rows(figures: list[dict[str, Any]]) -> list[Panel]:
    """A panel for each row in which more than one contender stands: the columns are contenders."""
    rows = dict.fromkeys(figure["row"] for figure in figures)
    drawn = [(row, _bars([one for one in figures if one["row"] == row], "column")) for row in rows]
    return [Panel(_title(row), bars) for row, bars in drawn if len(bars) > 1]


def _bars(figures: list[dict[str, Any]], label: str) -> list[Bar]:
    """Bars of what was measured. A sum of other rows, which is bold in the table, is left out."""
    return [
        Bar(
            one[label].replace("`", ""),
            one["median"],
            one["low"],
            one["high"],
            not one[label].startswith(PEERS),
        )
        for one in figures
        if "median" in one and not one[label].startswith("**")
    ]


def _title(*parts: str) -> str:
    title = ": ".join(parts).replace("`", "")
    fast = " a second" in title or "tokens/s" in title
    return f"{title} ({'longer' if fast else 'shorter'} is better)"


def filled(page: str, found: dict[str, Any], picture: str | None) -> str:
    """The page with a benchmark's block written anew; as it was if it has none.

    :param picture: the picture's path beside the page; None if there is none.
    """
    name = found["bench"]
    block = re.compile(re.escape(_BLOCK.format(name)) + r".*?" + re.escape(_END), re.DOTALL)
    shown = f"![Medians of `{name}`, with their spread]({picture})\n\n" if picture else ""
    text = f"{_BLOCK.format(name)}{tables(found, shown)}{_END}"
    return block.sub(lambda _: text, page)


def redrawn(results: Path, docs: Path) -> dict[Path, str]:
    """What the pictures and the page have to be, by their paths."""
    page_path = docs / "benchmarks.md"
    page = page_path.read_text("utf-8")
    files: dict[Path, str] = {}
    for path in sorted(results.glob("*.json")):
        found = json.loads(path.read_text("utf-8"))
        picture = None
        if drawn := panels(found):
            picture = f"images/bench-{found['bench']}.svg"
            files[docs / picture] = draw(f"Medians of the benchmark {found['bench']}", drawn)
        page = filled(page, found, picture)
    return {**files, page_path: page}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, tell what would")
    check = parser.parse_args().check
    files = redrawn(HERE / "results", DOCS)
    changed = [p for p, text in files.items() if not p.exists() or p.read_text("utf-8") != text]
    for path in changed:
        print(path.relative_to(HERE.parent))
        if not check:
            path.write_text(files[path], "utf-8")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
