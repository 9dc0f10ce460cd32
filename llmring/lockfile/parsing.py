"""From TOML's values to a `Lockfile`. What does not fit is reported by its place, all of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from llmring.exceptions import LockfileError
from llmring.lockfile.names import (
    BUILTIN_PROVIDERS,
    KEY_OWNERS,
    is_name,
    is_package,
    is_provider,
    is_variable,
    shown,
)
from llmring.lockfile.positions import Key, Positions, dotted
from llmring.lockfile.reading import decode, parse_toml, problem, read_bytes
from llmring.lockfile.types import (
    DEFAULT_PROFILE,
    VERSION,
    Binding,
    Lockfile,
    Profile,
    ProviderEntry,
)

#: Largest version of a registry that can be pinned.
MAX_REGISTRY_VERSION = 10**9

_SECRET_NAME = re.compile(r"auth|key|password|secret|token", re.IGNORECASE)


class Fault(NamedTuple):
    """A value that a lockfile may not hold."""

    key: Key
    message: str

    def error(self, text: str, path: Path | None) -> LockfileError:
        """The error that says so."""
        line = Positions(text).line_of(self.key)
        return problem(path, self.message, key=dotted(self.key), line=line, code="invalid")


def load(path: str | Path) -> Lockfile:
    """The lockfile at `path`.

    :raises LockfileError: it cannot be read, is not TOML, or a value does not fit; says the line.
    """
    path = Path(path)
    return parse(decode(read_bytes(path), path), path)


def parse(text: str, path: Path | None = None) -> Lockfile:
    """The lockfile that `text` is.

    :raises LockfileError: it is not TOML, or a value does not fit; says the line.
    """
    lockfile, faults = examine(parse_toml(text, path), path)
    if faults:
        raise faults[0].error(text, path)
    return lockfile


def examine(values: Mapping[str, Any], path: Path | None = None) -> tuple[Lockfile, list[Fault]]:
    """The lockfile that `values` describe as far as they fit, and what does not."""
    reader = _Reader()
    return reader.lockfile(values, path), reader.faults


class _Reader:
    """Takes values by their kind; one that does not fit is noted and left out."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def lockfile(self, values: Mapping[str, Any], path: Path | None) -> Lockfile:
        for name in ("created_at", "updated_at"):
            self._take(values, (name,), (str, date), "a date", None)
        return Lockfile(
            path=path,
            version=self._version(values),
            default_profile=self._name(values, ("default_profile",), DEFAULT_PROFILE),
            profiles={
                name: self._profile(name, profile, ("profiles", name))
                for name, profile in self._tables(values, ("profiles",))
            },
            extends=self._extends(self._take(values, ("extends",), (dict,), "a table", {})),
            providers=self._providers(values),
            metadata=self._take(values, ("metadata",), (dict,), "a table", {}),
        )

    def _version(self, values: Mapping[str, Any]) -> str:
        version: str = self._take(values, ("version",), (str,), 'a string such as "1.0"', VERSION)
        if version.partition(".")[0] != VERSION.partition(".")[0]:
            self._fault(
                ("version",),
                f"format {shown(version)} is not known, only {VERSION!r} is; update llmring",
            )
        return version

    def _profile(self, name: str, table: Mapping[str, Any], key: Key) -> Profile:
        if not is_name(name):
            self._fault(key, f"{shown(name)} cannot name a profile; {_NAME_RULE}")
        self._take(table, (*key, "name"), (str,), "a string", name)
        bindings = self._take(table, (*key, "bindings"), (list,), "an array of tables", [])
        found = (
            self._binding(binding, (*key, "bindings", i)) for i, binding in enumerate(bindings)
        )
        return Profile(
            name=name,
            bindings=tuple(binding for binding in found if binding is not None),
            registry_versions=self._registry_versions(table, (*key, "registry_versions")),
        )

    def _registry_versions(self, table: Mapping[str, Any], key: Key) -> dict[str, int]:
        versions = self._take(table, key, (dict,), "a table", {})
        for provider, version in versions.items():
            if type(version) is not int or not 0 < version <= MAX_REGISTRY_VERSION:
                self._fault(
                    (*key, provider),
                    f"must be a whole number from 1 to {MAX_REGISTRY_VERSION:,}, "
                    f"not {shown(version)}",
                )
        return {name.lower(): one for name, one in versions.items() if type(one) is int}

    def _binding(self, table: Any, key: Key) -> Binding | None:
        if not isinstance(table, dict):
            self._fault(key, f"must be a table with alias and models, not {_kind(table)}")
            return None
        models = self._strings(table, (*key, "models"), required=True)
        constraints = self._take(table, (*key, "constraints"), (dict,), "a table", {})
        if "alias" not in table:
            self._fault(key, "has no alias; every binding needs alias and models")
            return None
        alias = self._name(table, (*key, "alias"), "")
        return Binding(alias, models, constraints) if alias else None

    def _extends(self, table: Mapping[str, Any]) -> tuple[str, ...]:
        packages = self._strings(table, ("extends", "packages"), required=False)
        for number, package in enumerate(packages):
            if not is_package(package):
                self._fault(
                    ("extends", "packages", number),
                    f"{shown(package)} cannot name a package; give the name that pip installs",
                )
        return tuple(package for package in packages if is_package(package))

    def _providers(self, values: Mapping[str, Any]) -> dict[str, ProviderEntry]:
        entries: dict[str, ProviderEntry] = {}
        for name, table in self._tables(values, ("providers",)):
            if name.lower() in entries:
                self._fault(("providers", name), f"{name!r} and another differ in case alone")
            elif entry := self._provider(name, table, ("providers", name)):
                entries[entry.name] = entry
        return entries

    def _provider(self, name: str, table: Mapping[str, Any], key: Key) -> ProviderEntry | None:
        before = len(self.faults)
        if not is_provider(name):
            self._fault(key, f"{shown(name)} cannot name a provider; use letters, digits, - and _")
        elif name.lower() in BUILTIN_PROVIDERS:
            # A lockfile comes with a clone; it must not send a user's key to another address.
            self._fault(key, f"{name} is built in and cannot be redirected; choose another name")
        for field in table:
            if field != "api_key_env" and _SECRET_NAME.search(field):
                self._fault(
                    (*key, field),
                    "keys do not belong in a lockfile; name the variable that holds it: "
                    "api_key_env",
                )
        if "base_url" not in table:
            self._fault(key, "has no base_url; give the address of its OpenAI-compatible API")
        url = self._take(table, (*key, "base_url"), (str,), "a string", "")
        if isinstance(table.get("base_url"), str) and (reason := _url_problem(url)):
            self._fault((*key, "base_url"), reason)
        variable = self._variable(table, (*key, "api_key_env"))
        entry = ProviderEntry(name.lower(), url.rstrip("/"), variable)
        return entry if len(self.faults) == before else None

    def _variable(self, table: Mapping[str, Any], key: Key) -> str | None:
        variable: str | None = self._take(table, key, (str,), "a string", None)
        if variable is None:
            return None
        if not is_variable(variable):
            # What stands here by mistake is a key, so it is not printed.
            self._fault(key, "must be the name of an environment variable, not a key")
        elif owner := KEY_OWNERS.get(variable):
            self._fault(
                key,
                f"{variable} is the key for {owner} and goes nowhere else; give this address a "
                "variable of its own",
            )
        return variable

    def _tables(
        self, values: Mapping[str, Any], key: Key
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for name, table in self._take(values, key, (dict,), "a table", {}).items():
            if isinstance(table, dict):
                yield name, table
            else:
                self._fault((*key, name), f"must be a table, not {_kind(table)}")

    def _strings(self, table: Mapping[str, Any], key: Key, *, required: bool) -> tuple[str, ...]:
        if required and key[-1] not in table:
            self._fault(key[:-1], f"has no {key[-1]}; every binding needs alias and models")
        values = self._take(table, key, (list,), "an array of strings", [])
        for number, value in enumerate(values):
            if not isinstance(value, str):
                self._fault((*key, number), f"must be a string, not {_kind(value)}")
        return tuple(value for value in values if isinstance(value, str))

    def _name(self, table: Mapping[str, Any], key: Key, default: str) -> str:
        name: str = self._take(table, key, (str,), "a string", default)
        if isinstance(table.get(str(key[-1])), str) and not is_name(name):
            self._fault(key, f"{shown(name)} cannot be a name; {_NAME_RULE}")
            return default
        return name

    def _take(
        self,
        table: Mapping[str, Any],
        key: Key,
        kinds: tuple[type, ...],
        wanted: str,
        default: Any,
    ) -> Any:
        """The value of `key`'s last part, or `default` where there is none or it does not fit."""
        value = table.get(str(key[-1]), default)
        if value is default or isinstance(value, kinds):
            return value
        self._fault(key, f"must be {wanted}, not {_kind(value)}")
        return default

    def _fault(self, key: Key, message: str) -> None:
        self.faults.append(Fault(key, message))


_NAME_RULE = "it needs 1 to 200 printable characters without spaces"

# bool before int, of which it is a kind.
_KINDS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (bool, lambda value: str(value).lower()),
    (str, lambda value: f"the string {shown(value)}"),
    (int, lambda value: f"the number {shown(value)}"),
    (float, lambda value: f"the number {value}"),
    (list, lambda _: "an array"),
    (dict, lambda _: "a table"),
)


def _kind(value: Any) -> str:
    """What a value is, in TOML's words."""
    return next((said(value) for kind, said in _KINDS if isinstance(value, kind)), "a date or time")


def _url_problem(url: str) -> str | None:
    """What keeps `url` from being the address of an API; without the URL, which may hold a key."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "holds white space, control or non-ASCII characters"
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        return "has an invalid port or host"
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_fits:
        return "must look like 'https://api.example.com/v1'"
    if parts.username is not None or parts.password is not None:
        return "holds a user or password; name the variable of the key in api_key_env"
    if parts.query or parts.fragment:
        return "may not have a query or a fragment"
    return None
