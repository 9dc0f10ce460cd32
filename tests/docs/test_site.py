"""The site that `scripts/docs` builds: all of it there, its links good, nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest
from documentation import homes

import docs

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))

# The build takes half a minute, and several on a machine that does much else.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *docs.sphinx_arguments(folder)],
        capture_output=True,
        text=True,
    )
    assert (built.returncode, built.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def texts(site: Path) -> dict[Path, str]:
    """The text of every page of the site."""
    return {path: path.read_text("utf-8") for path in site.rglob("*.html")}


@pytest.fixture(scope="module")
def described(texts: dict[Path, str]) -> Counter[str]:
    """How often each name is described."""
    heads = re.compile(r'<dt class="sig[^>]* id="([^"]+)"')
    return Counter(name for text in texts.values() for name in heads.findall(text))


def page_of(site: Path, package: str) -> str:
    """The page of a package."""
    pages = [path for path in PAGES if f"{{public-names}} {package}\n" in path.read_text("utf-8")]
    assert len(pages) == 1
    return (site / pages[0].relative_to(ROOT / "docs")).with_suffix(".html").read_text("utf-8")


def test_every_page_is_in_the_list_beside_all(site: Path, texts: dict[Path, str]) -> None:
    index = texts[site / "index.html"]
    names = [path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in PAGES]
    listed = set(re.findall(r'<a class="reference internal" href="([^"]+)">', index))
    assert {*names} - listed == {"index.html"}


@pytest.mark.parametrize("package", homes.PACKAGES)
def test_every_public_name_is_described_once_at_its_home(
    package: str, site: Path, described: Counter[str]
) -> None:
    text = page_of(site, package)
    for name in homes.public_names(package):
        assert described[name.full_name] == 1, name
        assert re.search(rf'href="[^"]*#{re.escape(name.full_name)}"', text), name
        if name.home != package:
            assert described[f"{package}.{name.name}"] == 0, name


def test_every_link_within_the_site_leads_somewhere(site: Path, texts: dict[Path, str]) -> None:
    ids = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in texts.items()}
    broken = []
    for path, text in texts.items():
        for target, anchor in re.findall(r'<a [^>]*href="(?!\w+:)([^"#]*)(?:#([^"]*))?"', text):
            there = (path.parent / unquote(target)).resolve() if target else path
            if not there.exists() or (anchor and unquote(anchor) not in ids.get(there, {anchor})):
                broken.append((path.relative_to(site).as_posix(), target, anchor))
    assert broken == []


def test_the_site_loads_nothing_from_elsewhere(site: Path, texts: dict[Path, str]) -> None:
    loading = r'<(?:script|img|iframe|link)\b[^>]*?(?:src|href)="((?:https?:)?//[^"]+)"'
    assert [found for text in texts.values() for found in re.findall(loading, text)] == []
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import\s)[\s\"']*(?:https?:)?//[^)\s]+", styles) == []
