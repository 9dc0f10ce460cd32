"""Sphinx extension: the directive `public-names`, which describes what a package exports.

Names that another package is the home of are listed with a link, so that each is described once
and references to it are never ambiguous. References in docstrings mean what the package that they
stand in would import by that name.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from documentation import homes

_HEADINGS: dict[homes.Kind, str] = {
    "class": "Classes",
    "function": "Functions",
    "exception": "Errors",
    "data": "Values",
}


class PublicNames(SphinxDirective):
    """A table of a package's names, then each in full."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the page and have it read."""
        package = self.arguments[0]
        text = "\n".join(["```{eval-rst}", *_page(package), "```", ""])
        return self.parse_text_to_nodes(text)


def _page(package: str) -> Iterator[str]:
    names = homes.public_names(package)
    yield from [f".. py:module:: {package}", ""]
    for kind, heading in _HEADINGS.items():
        if of_kind := [name for name in names if name.kind == kind]:
            yield from [f".. rubric:: {heading}", ""]
            yield from _table(package, of_kind)
    for kind in _HEADINGS:
        for name in names:
            if name.home == package and name.kind == kind:
                yield from _described(name)


def _table(package: str, names: Sequence[homes.PublicName]) -> Iterator[str]:
    yield from [".. list-table::", "   :widths: auto", "   :class: names", ""]
    for name in names:
        said = name.summary.replace("`", "``").replace("````", "``").replace("*", r"\*")
        if name.home != package:
            said = f"{said} Described with ``{name.home}``.".strip()
        yield f"   * - :py:obj:`{name.name} <{name.full_name}>`"
        yield f"     - {said}"
    yield ""


def _described(name: homes.PublicName) -> Iterator[str]:
    if name.kind == "data":
        # autodata would look for the comment in the package, which only hands the value on.
        yield from [f".. py:data:: {name.name}", ""]
        yield from [f"   {line}" for line in homes.comment_on(name.home, name.name).splitlines()]
        yield ""
        return
    yield f".. auto{name.kind}:: {name.full_name}"
    if name.kind in ("class", "exception"):
        yield "   :show-inheritance:"
        if members := homes.members(name.home, name.name):
            yield f"   :members: {', '.join(members)}"
    yield ""


def _name_homes(_: Sphinx, doctree: nodes.document) -> None:
    """Have bare names of a package's docstrings mean the names that the package exports."""
    for reference in doctree.findall(addnodes.pending_xref):
        package, target = reference.get("py:module"), reference.get("reftarget", "")
        if reference.get("refdomain") != "py" or package not in homes.PACKAGES:
            continue
        reference["reftarget"] = _exported(package).get(target, target)


@functools.cache
def _exported(package: str) -> dict[str, str]:
    """What bare names mean in `package`: its own exports before those of the packages above it."""
    parts = package.split(".")
    above = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    return {
        name.name: name.full_name
        for one in above
        if one in homes.PACKAGES
        for name in homes.public_names(one)
    }


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("public-names", PublicNames)
    app.connect("doctree-read", _name_homes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
