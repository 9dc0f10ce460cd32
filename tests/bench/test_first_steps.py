"""The newcomer's path is README's, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest
from first_steps import ADDRESS, CLIENT, FIRST, LLAMA, OFFLINE, SERVE, line_of, note, sample_of
from report import Report

README = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")


def test_commands_are_those_of_readme() -> None:
    assert line_of(README, CLIENT) == "pip install ."
    assert line_of(README, LLAMA) == "pip install '.[llama,server]'"
    assert line_of(README, SERVE) == "local-llm-kit serve --model tiny"


def test_samples_are_those_of_readme() -> None:
    assert ADDRESS in sample_of(README, FIRST)
    assert 'LLMClient("tiny")' in sample_of(README, OFFLINE)


def test_a_readme_without_the_command_is_told() -> None:
    with pytest.raises(SystemExit, match="no command that begins with"):
        line_of("nothing", CLIENT)
    with pytest.raises(SystemExit, match="no sample"):
        sample_of("nothing", FIRST)


def test_what_was_reached_is_the_sum_of_the_steps_until_there() -> None:
    report = Report("first_steps")
    note(report, "client", "s", [{"`git clone`": 1.0, "the first sample": 2.0}])
    rows = {row: found["median"] for (_, row, _), found in report._figures.items()}
    assert rows == {"`git clone`": 1.0, "the first sample": 2.0, "**to a first reply**": 3.0}
