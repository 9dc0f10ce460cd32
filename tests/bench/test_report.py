"""What a benchmark writes: cells, targets, and a command without this machine's places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from report import Report, by_round, spread


def test_a_spread_has_the_median_and_both_ends() -> None:
    assert spread([3.0, 1.0, 2.00004]) == {"median": 2.0, "low": 1.0, "high": 3.0, "rounds": 3}


def test_ratios_are_taken_round_by_round() -> None:
    assert by_round([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


@pytest.mark.parametrize(
    ("values", "at_most", "met"),
    [
        pytest.param([1.0], True, True, id="reached"),
        pytest.param([1.0], False, False, id="missed"),
        pytest.param([], True, False, id="not measured"),
    ],
)
def test_what_was_not_measured_misses_its_target(
    values: list[float], at_most: bool, met: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Report("x").hold("it", values, 1.5, at_most=at_most) is met
    assert ("MISSED" not in capsys.readouterr().out) is met


def test_findings_are_written_with_what_they_depend_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--rounds", "2", "--json", "/home/me/x.json", "--models=/home/me", "--check"]
    monkeypatch.setattr("sys.argv", ["x.py", *arguments])
    report = Report("x", ("pydantic", "no-such-package"))
    report.add("a call", "ours", "ms", [1.0, 2.0])
    report.add("a call", "theirs", "ms", [], "not installed")
    report.write(tmp_path / "new" / "x.json")
    text = (tmp_path / "new" / "x.json").read_text("utf-8")
    found = json.loads(text)
    assert found["command"] == "python -m bench x --rounds 2 --check"
    assert "/home/me" not in text
    assert found["versions"]["no-such-package"] is None
    assert found["machine"].keys() == {"cpu", "cores", "system", "python", "load"}
    measured, absent = found["figures"]
    assert measured["median"] == 1.5
    assert absent["absent"] == "not installed"
