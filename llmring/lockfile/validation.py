"""What is wrong with a lockfile, all of it at once, and by its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from llmring.exceptions import LockfileError
from llmring.lockfile.names import (
    BUILTIN_PROVIDERS,
    canonical,
    canonical_alias,
    listed,
    shown,
    split_reference,
    suggestion,
)
from llmring.lockfile.packages import load_package
from llmring.lockfile.parsing import examine, load
from llmring.lockfile.positions import Key, Positions, dotted
from llmring.lockfile.reading import decode, parse_toml, read_bytes
from llmring.lockfile.types import Finding, Lockfile, Profile, Severity

#: Most findings that are given; a file with more has one cause.
MAX_FINDINGS = 200

_Found = tuple[Severity, Key, str]

_ROOT = (
    "version", "created_at", "updated_at", "default_profile", "metadata", "extends", "profiles",
    "providers",
)  # fmt: skip
_PROFILE = ("name", "bindings", "registry_versions")
_BINDING = ("alias", "models", "constraints")


def validate(path: str | Path) -> list[Finding]:
    """What is wrong with the lockfile at `path`, in the order of its lines.

    No package is looked for: `check` does that.
    """
    path = Path(path)
    try:
        return validate_text(decode(read_bytes(path), path), path)
    except LockfileError as err:
        return [_unreadable(err)]


def validate_text(text: str, path: Path | None = None) -> list[Finding]:
    """What is wrong with the lockfile that `text` is, in the order of its lines."""
    try:
        values = parse_toml(text, path)
    except LockfileError as err:
        return [_unreadable(err)]
    lockfile, faults = examine(values, path)
    found: list[_Found] = [("error", fault.key, fault.message) for fault in faults]
    found += islice(chain(_contents(values, lockfile), _unknown_keys(values)), MAX_FINDINGS)
    positions = Positions(text)
    findings = [
        Finding(severity, message, dotted(key), positions.line_of(key))
        for severity, key, message in found[:MAX_FINDINGS]
    ]
    return sorted(findings, key=lambda finding: finding.line or 0)


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a lockfile and the packages that it extends can be used.

    :param exit_code: 0 when they can; 1 when a package cannot; 2 when the lockfile cannot be read.
    :param packages: each package and its aliases, in its default profile.
    :param problems: each package that cannot be used, and why.
    :param error: why the lockfile cannot be read.
    """

    exit_code: int
    packages: Mapping[str, tuple[str, ...]]
    problems: Mapping[str, str]
    error: str | None = None


def check(path: str | Path, package_lockfile: Callable[[str], Lockfile] = load_package) -> Check:
    """Whether the lockfile at `path` and the packages that it extends can be used.

    :param package_lockfile: gives the lockfile of an installed package.
    """
    try:
        lockfile = load(path)
    except LockfileError as err:
        return Check(2, {}, {}, err.message)
    packages: dict[str, tuple[str, ...]] = {}
    problems: dict[str, str] = {}
    for package in lockfile.extends:
        try:
            theirs = package_lockfile(package)
        except LockfileError as err:
            problems[package] = err.message
            continue
        profile = theirs.profiles.get(theirs.default_profile, Profile(theirs.default_profile))
        packages[package] = tuple(binding.alias for binding in profile.bindings)
    return Check(1 if problems else 0, packages, problems)


def _error(key: Key, message: str) -> _Found:
    return "error", key, message


def _warning(key: Key, message: str) -> _Found:
    return "warning", key, message


def _unreadable(err: LockfileError) -> Finding:
    return Finding(
        "error",
        err.details.get("reason", err.message),
        err.details.get("key", ""),
        err.details.get("line"),
    )


def _unknown_keys(values: Mapping[str, Any]) -> Iterator[_Found]:
    yield from _unknown(values, (), _ROOT)
    yield from _unknown(values.get("extends"), ("extends",), ("packages",))
    for name, profile in _items(values.get("profiles")):
        key: Key = ("profiles", name)
        yield from _unknown(profile, key, _PROFILE)
        bindings = profile.get("bindings") if isinstance(profile, dict) else None
        for number, binding in enumerate(bindings if isinstance(bindings, list) else []):
            yield from _unknown(binding, (*key, "bindings", number), _BINDING)
    for name, entry in _items(values.get("providers")):
        yield from _unknown(entry, ("providers", name), ("base_url", "api_key_env"))


def _unknown(table: Any, key: Key, known: tuple[str, ...]) -> Iterator[_Found]:
    for name, _ in _items(table):
        if name not in known:
            hint = suggestion(name, known) or f"; known are {listed(known)}"
            yield _warning((*key, name), f"unknown key {shown(name)}{hint}")


def _items(table: Any) -> list[tuple[str, Any]]:
    return list(table.items()) if isinstance(table, dict) else []


def _contents(values: Mapping[str, Any], lockfile: Lockfile) -> Iterator[_Found]:
    if "version" not in values:
        yield _warning((), 'has no version; write version = "1.0"')
    profiles = lockfile.profiles
    if profiles and lockfile.default_profile not in profiles:
        yield _error(
            ("default_profile",) if "default_profile" in values else (),
            f"default profile {lockfile.default_profile!r} is not there; the lockfile has "
            f"{listed(list(profiles))}{suggestion(lockfile.default_profile, profiles)}",
        )
    yield from _extends(lockfile)
    packages = frozenset(map(canonical, lockfile.extends))
    for name in profiles:
        yield from _profile(values["profiles"][name], name, lockfile, packages)


def _extends(lockfile: Lockfile) -> Iterator[_Found]:
    seen: set[str] = set()
    for number, package in enumerate(lockfile.extends):
        key: Key = ("extends", "packages", number)
        if canonical(package) in seen:
            yield _warning(key, f"package {package!r} is listed twice")
        seen.add(canonical(package))
        if package.lower() in (*BUILTIN_PROVIDERS, *lockfile.providers):
            yield _error(
                key,
                f"package {package!r} has the name of a provider, so {package}:… is always a model "
                "and its aliases cannot be reached",
            )


def _profile(
    table: Mapping[str, Any], name: str, lockfile: Lockfile, packages: frozenset[str]
) -> Iterator[_Found]:
    key: Key = ("profiles", name)
    if isinstance(said := table.get("name"), str) and said != name:
        yield _warning((*key, "name"), f"names the profile {shown(said)}; it is known as {name!r}")
    if isinstance(versions := table.get("registry_versions"), dict):
        for provider in versions:
            yield from _provider(provider, (*key, "registry_versions", provider), lockfile)
    first: dict[str, int] = {}
    bindings = table.get("bindings")
    for number, binding in enumerate(bindings if isinstance(bindings, list) else []):
        if isinstance(binding, dict) and isinstance(alias := binding.get("alias"), str):
            here: Key = (*key, "bindings", number)
            if canonical_alias(alias) in first:
                where = dotted((*key, "bindings", first[canonical_alias(alias)]))
                yield _error(here, f"alias {shown(alias)} is bound twice; {where} is used")
            first.setdefault(canonical_alias(alias), number)
            yield from _alias(alias, here, lockfile, packages)
            yield from _models(alias, binding.get("models"), here, lockfile)


def _alias(alias: str, key: Key, lockfile: Lockfile, packages: frozenset[str]) -> Iterator[_Found]:
    prefix, colon, _ = alias.partition(":")
    if not colon:
        return
    if prefix.lower() in (*BUILTIN_PROVIDERS, *lockfile.providers):
        yield _error(
            (*key, "alias"),
            f"alias {shown(alias)} starts with the name of a provider, so it is always a model",
        )
    elif canonical(prefix) not in packages:
        yield _warning(
            (*key, "alias"),
            f"alias {shown(alias)} overrides a package that [extends] does not list"
            f"{suggestion(prefix, lockfile.extends)}",
        )


def _models(alias: str, models: Any, key: Key, lockfile: Lockfile) -> Iterator[_Found]:
    if not isinstance(models, list):
        return
    if not models:
        yield _error((*key, "models"), f"alias {shown(alias)} has no models")
    seen: set[tuple[str, str]] = set()
    for number, model in enumerate(models):
        if not isinstance(model, str):
            continue
        here: Key = (*key, "models", number)
        reference = split_reference(model)
        if reference is None:
            yield _error(here, f"{shown(model)} is not provider:model, such as 'openai:gpt-5.5'")
        elif reference in seen:
            yield _warning(here, f"model {shown(model)} is listed twice")
        else:
            seen.add(reference)
            yield from _provider(reference[0], here, lockfile)


def _provider(name: str, key: Key, lockfile: Lockfile) -> Iterator[_Found]:
    known = [*BUILTIN_PROVIDERS, *lockfile.providers]
    if name.lower() not in known:
        hint = suggestion(name.lower(), known) or f"; known are {listed(known)}"
        yield _warning(key, f"unknown provider {shown(name)}{hint}")
