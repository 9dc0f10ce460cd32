"""Every Python block of the README runs, against the local server, and prints something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.samples import Sample, python_samples

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


@pytest.mark.parametrize("sample", python_samples(README), ids=str)
def test_sample_runs(
    sample: Sample, local_server_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sample.run({}, local_server_url)
    printed = capsys.readouterr().out
    assert printed.strip()
    assert "failed" not in printed


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text("utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
