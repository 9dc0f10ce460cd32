"""What the site's own extensions do: homes of names, links to files of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from documentation import homes
from documentation.repository_links import on_site

from tests.test_public_names import PACKAGES


def test_every_package_that_exports_names_has_a_place() -> None:
    assert set(PACKAGES) - set(homes.PACKAGES) == set()


@pytest.mark.parametrize(
    ("package", "name", "home"),
    [
        ("cloud.llm", "LLMError", "LLM"),
        ("llmring", "__version__", "LLM"),
        ("llmring", "ModelNotFoundError", "llmring"),
        ("cloud", "PoolLimits", "cloud"),
    ],
)
def test_a_name_lives_where_the_first_package_exports_it(
    package: str, name: str, home: str
) -> None:
    assert homes.home_of(package, name) == home


@pytest.mark.parametrize(
    ("link", "mended"),
    [
        ("../bench/a.py", "../bench/a.py"),
        ("../CHANGELOG.md#then", "changelog.md#then"),
        ("llm.md#errors", "llm.md#errors"),
        ("#here", "#here"),
        ("https://example.com/../a", "https://example.com/../a"),
    ],
)
def test_a_link_of_a_page_is_good_on_the_site(link: str, mended: str, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "changelog.md").touch()
    text = on_site(f"[text]({link})", docs, docs / "page.md", docs)
    assert text == f"[text]({mended})"


def test_a_link_of_an_included_file_is_of_the_page_that_shows_it(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    text = on_site("[a](docs/llm.md), [b](bench/b.py)", tmp_path, docs / "changelog.md", docs)
    assert text == "[a](llm.md), [b](../bench/b.py)"
