"""Pictures and tables are made of what benchmarks wrote, and the page has them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from chart import WIDTH, Bar, Panel, draw, number_of
from plots import filled, panels, redrawn
from tables import tables

ROOT = Path(__file__).resolve().parents[2]
RESULTS = sorted((ROOT / "bench" / "results").glob("*.json"))


def cell(row: str, median: float, table: str = "a call", column: str = "ms") -> dict[str, Any]:
    spread = {"median": median, "low": median / 2, "high": median * 2, "rounds": 3}
    return {"table": table, "row": row, "column": column, **spread}


def findings(**other: Any) -> dict[str, Any]:
    machine = {"cpu": "a CPU", "cores": 2, "system": "Linux", "python": "3.11", "load": 0.1}
    found = {"bench": "x", "command": "python -m bench x", "date": "2026-01-02"}
    found |= {"machine": machine, "versions": {"aiohttp": "3.14"}, "targets": []}
    return {**found, "figures": [cell("LLM", 2.0), cell("openai", 4.0)], **other}


def shapes(svg: str, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter(f"{{http://www.w3.org/2000/svg}}{tag}"))


def test_bars_are_as_long_as_their_medians() -> None:
    svg = draw("x", [Panel("t", [Bar("a", 1.0, 1.0, 1.0, True), Bar("b", 4.0, 4.0, 4.0, False)])])
    short, long = (float(one.attrib["width"]) for one in shapes(svg, "rect"))
    assert long == pytest.approx(4 * short, rel=0.01)


def test_nothing_is_drawn_outside_even_when_a_spread_is_wide() -> None:
    svg = draw("x", [Panel("t", [Bar("a", 1.0, 0.5, 900.0, True), Bar("b", 0.0, 0.0, 0.0, False)])])
    ends = [float(re.findall(r"[\d.]+", one.attrib["d"])[-1]) for one in shapes(svg, "path")]
    assert max(ends) < WIDTH


def test_names_are_escaped() -> None:
    svg = draw("a & b", [Panel("<t>", [Bar("<b>", 1.0, 1.0, 1.0, True)])])
    assert [one.text for one in shapes(svg, "text")] == ["<t>", "<b>", "1"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1,234"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.0, "0"), (8.0, "8")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number_of(value) == text


def test_ours_and_others_have_their_colours() -> None:
    (panel,) = panels(findings())
    assert [(bar.label, bar.ours) for bar in panel.bars] == [("LLM", True), ("openai", False)]
    assert panel.title == "a call: ms (shorter is better)"


def test_contenders_of_the_local_engine_stand_in_columns() -> None:
    row = [cell("8 streams, tokens/s", 2.0, column=name) for name in ("serve", "llama-server")]
    found = findings(bench="local-streams", figures=[*row, cell("alone", 1.0, column="serve")])
    (panel,) = panels(found)
    assert panel.title == "8 streams, tokens/s (longer is better)"
    assert [(bar.label, bar.ours) for bar in panel.bars] == [
        ("serve", True),
        ("llama-server", False),
    ]


def test_a_table_tells_the_machine_the_spread_and_what_was_missed() -> None:
    target = {"what": "LLM / openai", "median": 0.5, "low": 0.5, "high": 0.5, "rounds": 3}
    target |= {"target": 0.4, "at_most": True, "met": False}
    gone = {"table": "a call", "row": "other", "column": "ms", "absent": "not installed"}
    found = findings(targets=[target])
    found["figures"].append(gone)
    text = tables(found)
    assert "$ python -m bench x\n" in text
    assert "2026-01-02 on 2 cores, a CPU, Linux" in text
    assert "| LLM | 2 (1 to 4) |" in text
    assert "| other | not available |" in text
    assert "Not available: not installed" in text
    assert "| LLM / openai | 0.50 | at most 0.4, missed |" in text


def test_only_the_block_of_a_benchmark_is_written_anew() -> None:
    page = "A <!-- measured x -->\nold<!-- end --> B <!-- measured y -->\nkept<!-- end -->"
    new = filled(page, findings(), "images/bench-x.svg")
    assert new.startswith("A <!-- measured x -->\n```console")
    assert "old" not in new
    assert "(images/bench-x.svg)" in new
    assert new.endswith("<!-- end --> B <!-- measured y -->\nkept<!-- end -->")
    assert filled(new, findings(), "images/bench-x.svg") == new


def test_the_page_and_its_pictures_are_those_of_the_results() -> None:
    check = [sys.executable, str(ROOT / "bench" / "plots.py"), "--check"]
    run = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, ""), "run: python -m bench plots"


def test_each_result_has_its_block_on_the_page() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    names = {json.loads(path.read_text("utf-8"))["bench"] for path in RESULTS}
    assert {name for name in names if f"<!-- measured {name} -->" not in page} == set()


def test_redrawing_leaves_a_page_without_results_alone(tmp_path: Path) -> None:
    (tmp_path / "benchmarks.md").write_text("text\n")
    assert redrawn(tmp_path, tmp_path) == {tmp_path / "benchmarks.md": "text\n"}
