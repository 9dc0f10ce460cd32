"""A change made to a lockfile's text: laid out as people would, or by tomlkit."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from llmring.lockfile.changes import Change, PlainMaker, Rewrite


def edited(text: str, change: Change, rewrites: tuple[Rewrite, ...] = ()) -> str | None:
    """`text` with a change made; None where it cannot be made without another one.

    :param rewrites: ways to make it in the text itself, preferred where they mean the same.
    """
    wanted = tomllib.loads(text)
    before = copy.deepcopy(wanted)
    change(wanted, PlainMaker())
    if wanted == before:
        return text
    candidates = _candidates(text, change, rewrites)
    return next((made for made in candidates if _means(made, wanted)), None)


def _candidates(text: str, change: Change, rewrites: tuple[Rewrite, ...]) -> Iterator[str]:
    for rewrite in rewrites:
        yield rewrite(text)
    try:
        document = tomlkit.parse(text)
        change(document, _TomlMaker())
        yield tomlkit.dumps(document)
    except (TOMLKitError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # tomlkit's own slips in layouts that it does not foresee: then there is no such text.
        return


def _means(text: str, wanted: dict[str, Any]) -> bool:
    try:
        # As text, because NaN is not equal to itself.
        return repr(tomllib.loads(text)) == repr(wanted) or tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


class _TomlMaker:
    """Makes tomlkit's items."""

    def table(self, *, header: bool = True) -> Any:
        return tomlkit.table(is_super_table=not header)

    def bindings(self) -> Any:
        return tomlkit.aot()

    def append_binding(self, bindings: Any, values: dict[str, Any]) -> None:
        inline = isinstance(bindings, tomlkit.items.Array)
        table = tomlkit.inline_table() if inline else tomlkit.table()
        table.update(values)
        bindings.append(table)

    def models(self, models: list[str]) -> Any:
        array = tomlkit.array()
        array.extend(models)
        return array.multiline(len(models) > 1)
