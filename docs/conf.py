"""How Sphinx builds the site; `scripts/docs` does it."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from LLM import __version__  # noqa: E402 - found by the line above

project = "llm-kit"
author = copyright = "llm-kit contributors"
release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "documentation.api_pages",
    "documentation.repository_links",
]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

# Names between single backticks are code, as docstrings have them.
default_role = "code"

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
# The tables at the head of a page lead to its names; in the list beside all pages they would make
# each page three times as slow to write.
toc_object_entries = False

html_theme = "furo"
html_title = f"llm-kit {release}"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["site.css"]
# The prompts and the answers of a `console` block are not copied.
copybutton_prompt_text = "$ "
copybutton_here_doc_delimiter = "EOF"
