"""What users copy works: the Python blocks of README and docs run against the local server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from LLM.logs import reset_logging
from tests.samples import Sample, python_samples

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "DESCRIPTION.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files that a sample writes go to a folder of its own, and its logs nowhere once it ends."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    yield
    reset_logging()


@pytest.mark.slow
@pytest.mark.parametrize(
    "sample", [sample for page in PAGES for sample in python_samples(page)], ids=str
)
def test_sample_runs_and_prints(
    sample: Sample, local_server_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sample.run({}, local_server_url)
    printed = capsys.readouterr().out
    assert printed.strip()
    assert "failed" not in printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
