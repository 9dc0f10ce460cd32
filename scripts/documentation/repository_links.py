"""Sphinx extension: links from pages to files of the repository work on the site too.

Pages are read in a code browser as well, so they link `../bench/remote.py` and `../CHANGELOG.md`.
On the site, a file with a page of its own is that page; any other file comes along as a download,
which MyST sees to.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

#: Files and folders outside of `docs/` that the site has as a page.
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "examples": "examples.md",
    "examples/README.md": "examples.md",
}

_LINK = re.compile(r"(\]\()([^)\s#:]+)(#[^)\s]*)?(?=\))")


def on_site(text: str, folder: Path, page: Path, docs: Path) -> str:
    """`text` with its relative links as they must be on the site.

    :param folder: what the links are relative to: that of the file that the text is of.
    :param page: file of the page that shows the text.
    :param docs: folder of the site's pages.
    """

    def mended(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / link[2]))
        if not target.is_relative_to(docs):
            known = PAGES.get(target.relative_to(docs.parent).as_posix())
            if known and (docs / known).exists():
                target = docs / known
        return f"{link[1]}{os.path.relpath(target, page.parent)}{link[3] or ''}"

    return _LINK.sub(mended, text)


def _mend_page(app: Sphinx, page: str, content: list[str]) -> None:
    path = Path(app.env.doc2path(page))
    content[0] = on_site(content[0], path.parent, path, Path(app.srcdir))


def _mend_included(app: Sphinx, relative: Path, page: str, content: list[str]) -> None:
    docs = Path(app.srcdir)
    included = docs / relative
    content[0] = on_site(content[0], included.parent, docs / f"{page}.md", docs)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Mend each text when it is read."""
    app.connect("source-read", _mend_page)
    app.connect("include-read", _mend_included)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
