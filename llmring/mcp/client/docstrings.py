"""What a docstring says of a function and of its parameters. Pure.

Parameters are read in the two forms that are in use: Sphinx's fields (``:param city: …``) and the
section that Google's style has (``Args:``).

Source: https://www.sphinx-doc.org/en/master/usage/domains/python.html (info field lists);
https://google.github.io/styleguide/pyguide.html (3.8.3).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

_ARGUMENTS = frozenset({"args:", "arguments:", "parameters:"})
_SECTIONS = _ARGUMENTS | {"raises:", "returns:", "yields:", "example:", "examples:", "note:"}


class Described(NamedTuple):
    """What a docstring says.

    :param summary: what the function does.
    :param parameters: of each parameter that it tells of, what it is.
    """

    summary: str
    parameters: dict[str, str]


def described(function: Callable[..., Any]) -> Described:
    """What the docstring of a function says; empty where there is none."""
    lines = (inspect.getdoc(function) or "").splitlines()
    summary: list[str] = []
    parameters: dict[str, list[str]] = {}
    section, current = "", summary
    for line in lines:
        stripped = line.strip()
        is_indented = line[:1].isspace()
        if stripped.startswith(":") and not is_indented:
            # A field: what follows, indented, belongs to it.
            section, current = ":", []
            name, text = _field(stripped)
            if name:
                current = parameters.setdefault(name, [text])
        elif stripped.lower() in _SECTIONS and not is_indented:
            section, current = stripped.lower(), []
        elif section in _ARGUMENTS and is_indented:
            name, text = _entry(stripped)
            if name and _indent(line) <= 4:
                current = parameters.setdefault(name, [text])
            else:
                current.append(stripped)
        elif section and stripped and not is_indented:
            section, current = "", summary
            current.append(stripped)
        else:
            current.append(stripped)
    return Described(
        "\n".join(summary).strip(),
        {name: " ".join(filter(None, text)).strip() for name, text in parameters.items()},
    )


def _field(line: str) -> tuple[str, str]:
    """Name and text of ``:param type name: text``; no name for other fields."""
    head, _, text = line[1:].partition(":")
    words = head.split()
    is_parameter = len(words) > 1 and words[0] in ("param", "parameter", "arg", "argument")
    return (words[-1] if is_parameter else ""), text.strip()


def _entry(line: str) -> tuple[str, str]:
    """Name and text of ``name (type): text``; no name where it is a line of another entry."""
    head, colon, text = line.partition(":")
    name = head.partition("(")[0].strip().lstrip("*")
    return (name if colon and name.isidentifier() else ""), text.strip()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
