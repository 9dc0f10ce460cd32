"""What `scripts/fuzz` runs, and what it tells of libFuzzer's words."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import fuzz
import fuzzing
import pytest
from fuzzing.targets import NAMES, find

OUT = b"""INFO: Instrumenting LLM.sse
#4\tINITED cov: 81 ft: 120 corp: 3/90b exec/s: 0 rss: 60Mb
#900\tNEW    cov: 90 ft: 300 corp: 7/200b lim: 40 exec/s: 300 rss: 61Mb L: 20/40
#1200\tDONE   cov: 90 ft: 300 corp: 7/200b lim: 40 exec/s: 300 rss: 61Mb
stat::number_of_executed_units: 1200
"""


def test_every_target_has_a_name() -> None:
    homes = [path.stem for path in Path(fuzzing.__path__[0]).glob("[a-z]*.py")]
    modules = [import_module(f"fuzzing.{home}") for home in homes]
    found = [name for one in modules for name in getattr(one, "TARGETS", {})]
    assert sorted(found) == sorted(NAMES)
    assert all(find(name).seeds for name in NAMES)


def test_a_run_is_told_by_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    fuzz._tell(fuzz._read("events", OUT, 0))
    assert capsys.readouterr().out == (
        "events: 1,200 inputs, 81 to 90 places reached, 7 inputs kept\n"
    )


def test_what_was_found_is_told_without_the_names_of_modules(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fuzz._tell(fuzz._read("events", OUT + b"AssertionError: no\n", 77))
    told = capsys.readouterr().out
    assert told.startswith("events: 1,200 inputs, 81 to 90 places reached, 7 inputs kept, FAILED\n")
    assert "AssertionError: no" in told
    assert "Instrumenting" not in told


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(["nothing"], "there is no target 'nothing'"), (["--seconds", "0"], "must be 1 or more")],
    ids=["target", "time"],
)
def test_wrong_arguments_are_refused(
    arguments: list[str],
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["fuzz.py", *arguments])
    with pytest.raises(SystemExit):
        fuzz._parse()
    assert problem in capsys.readouterr().err
