"""Changes of a lockfile, said once for plain dicts and for tomlkit's documents alike.

tomlkit keeps comments and order, but it has lost or moved keys in unusual layouts. So each change
is made twice, on the document and on plain values, and the document's text has to mean the latter.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Protocol

Table = MutableMapping[str, Any]
Change = Callable[[Table, "Maker"], None]
#: Makes a change in the text itself.
Rewrite = Callable[[str], str]


class Maker(Protocol):
    """Makes what is put into a document."""

    def table(self, *, header: bool = True) -> Any:
        """An empty table; without `header` one that only holds tables."""

    def bindings(self) -> Any:
        """An empty array of tables."""

    def append_binding(self, bindings: Any, values: dict[str, Any]) -> None:
        """Put a binding at the end of `bindings`."""

    def models(self, models: list[str]) -> Any:
        """The array of a pool."""


class PlainMaker:
    """Makes dicts and lists."""

    def table(self, *, header: bool = True) -> Any:
        """A dict."""
        return {}

    def bindings(self) -> Any:
        """A list."""
        return []

    def append_binding(self, bindings: Any, values: dict[str, Any]) -> None:
        """Append a dict."""
        bindings.append(values)

    def models(self, models: list[str]) -> Any:
        """The list itself."""
        return models


def bind(alias: str, models: list[str], profile: str) -> Change:
    """Give `alias` a pool, in place of the one it has."""

    def change(root: Table, make: Maker) -> None:
        bindings = _profile(root, profile, make)
        if "bindings" not in bindings:
            bindings["bindings"] = make.bindings()
        found = [one for one in bindings["bindings"] if one["alias"] == alias]
        if not found:
            values = {"alias": alias, "models": make.models(models)}
            make.append_binding(bindings["bindings"], values)
        elif list(found[0]["models"]) != models:
            found[0]["models"] = make.models(models)

    return change


def unbind(alias: str, profile: str) -> Change:
    """Take `alias` away, wherever it is bound."""

    def change(root: Table, _: Maker) -> None:
        table = root["profiles"][profile]
        bindings = table["bindings"]
        for number in reversed(range(len(bindings))):
            if bindings[number]["alias"] == alias:
                del bindings[number]
        if not bindings:
            del table["bindings"]
        if not table:
            table["name"] = profile  # TOML has no table without a header or a value

    return change


def add_profile(profile: str) -> Change:
    """Make an empty profile where it is missing."""

    def change(root: Table, make: Maker) -> None:
        _profile(root, profile, make)

    return change


def extend(package: str) -> Change:
    """Put `package` at the end of ``[extends]``."""

    def change(root: Table, make: Maker) -> None:
        if "extends" not in root:
            root["extends"] = make.table()
        if "packages" not in root["extends"]:
            root["extends"]["packages"] = []
        root["extends"]["packages"].append(package)

    return change


def pin(provider: str, version: int, profile: str) -> Change:
    """Pin the version of a provider's registry."""

    def change(root: Table, make: Maker) -> None:
        table = _profile(root, profile, make)
        if "registry_versions" not in table:
            table["registry_versions"] = make.table()
        table["registry_versions"][provider] = version

    return change


def put(key: str, value: Any) -> Change:
    """Set a key of the root."""

    def change(root: Table, _: Maker) -> None:
        root[key] = value

    return change


def _profile(root: Table, name: str, make: Maker) -> Any:
    if "profiles" not in root:
        root["profiles"] = make.table(header=False)
    if name not in root["profiles"]:
        profile = make.table()
        profile["name"] = name
        root["profiles"][name] = profile
    return root["profiles"][name]
