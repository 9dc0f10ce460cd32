"""The tools that show and change the lockfile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmring.exceptions import LockfileError, ToolError
from llmring.lockfile import Lockfile, Profile, load_package
from llmring.lockfile.names import canonical_alias, shown
from llmring.lockfile.pools import profile_of
from llmring.mcp.server.lockfile import model_lines
from llmring.mcp.server.lockfile.bench import Answer, Bench
from llmring.mcp.server.lockfile.draft import AliasChange

_NOT_SAVED = "Not saved yet; save_lockfile writes it."
_ADVICE = "; if the user insists on this name, call again with allow_unlisted true"


def add_alias(bench: Bench, arguments: Mapping[str, Any]) -> Answer:
    """Bind an alias, in memory."""
    asked = [one.strip() for one in arguments["models"].split(",")]
    lenient = arguments.get("allow_unlisted", False)
    models = [
        bench.models.checked(one, may_be_unlisted=lenient, advice=_ADVICE) for one in asked if one
    ]
    if not models:
        raise ToolError("models is empty; give one at least, such as 'local:tiny'")
    change = bench.draft.bind(arguments["alias"].strip(), models, arguments.get("profile"))
    told = [f"{change.alias} is {', '.join(change.after or ())} in profile {change.profile}."]
    problems = {one.partition(":")[0]: bench.models.problem(one) for one in models}
    told += [f"Note: {name} is not set up here: {why}." for name, why in problems.items() if why]
    return Answer("\n".join([*told, _NOT_SAVED]), {"saved": False, "change": _told(change)})


def remove_alias(bench: Bench, arguments: Mapping[str, Any]) -> Answer:
    """Take an alias away, in memory."""
    alias = arguments["alias"].strip()
    theirs = _package_aliases(bench, arguments.get("profile"))
    try:
        change = bench.draft.unbind(alias, arguments.get("profile"))
    except LockfileError:
        if canonical_alias(alias) in map(canonical_alias, theirs):
            raise ToolError(
                f"{shown(alias)} is of package {alias.partition(':')[0]!r}, whose lockfile is not "
                "changed; add_alias with the same name overrides it"
            ) from None
        raise
    text = f"{alias} is taken out of profile {change.profile}. {_NOT_SAVED}"
    return Answer(text, {"saved": False, "change": _told(change)})


def list_aliases(bench: Bench, arguments: Mapping[str, Any]) -> Answer:
    """The aliases of a profile, and those of packages."""
    name = bench.draft.profile_name(arguments.get("profile"))
    own = _own_aliases(bench.draft.lockfile, name)
    theirs = {
        alias: models
        for alias, models in _package_aliases(bench, name).items()
        if canonical_alias(alias) not in map(canonical_alias, own)
    }
    lines = [f"Profile {name} of {bench.draft.path}:"]
    for alias, models in {**own, **theirs}.items():
        remark = "  (of a package; read only)" if alias in theirs else ""
        if arguments.get("verbose"):
            lines.append(f"{alias}:{remark}")
            lines += [f"  {_line(bench, model, name)}" for model in models]
        else:
            lines.append(f"{alias}: {', '.join(models)}{remark}")
    if len(lines) == 1:
        lines.append("no aliases")
    lines += _pending_lines(bench)
    aliases = {alias: list(models) for alias, models in {**own, **theirs}.items()}
    return Answer(
        "\n".join(lines), {"profile": name, "aliases": aliases, "read_only": list(theirs)}
    )


def save_lockfile(bench: Bench, arguments: Mapping[str, Any]) -> Answer:
    """Write the changes, or show them."""
    draft, is_new = bench.draft, bench.draft.is_new
    preview = arguments.get("preview", False)
    changes = draft.changes() if preview else draft.save()
    lines = list(map(str, changes))
    if preview:
        head = f"Would change in {draft.path}:" if lines else f"Nothing to change in {draft.path}."
    elif is_new:
        head = f"Made {draft.path}, with the usual aliases" + (" and:" if lines else ".")
    else:
        head = f"Saved {draft.path}:" if lines else f"Nothing to save: {draft.path} says all that."
    structured = {
        "path": str(draft.path),
        "saved": not preview,
        "is_new": is_new,
        "changes": list(map(_told, changes)),
    }
    return Answer("\n".join([head, *lines]), structured)


def get_configuration(bench: Bench, _: Mapping[str, Any]) -> Answer:
    """The whole lockfile."""
    draft = bench.draft
    lockfile, in_use = draft.lockfile, draft.profile_name()
    lines = [f"Lockfile: {draft.path}" + (" (not made yet)" if draft.is_new else "")]
    lines.append(f"Profile in use: {in_use}; default: {lockfile.default_profile}")
    for profile in lockfile.profiles.values():
        lines.append(f"Profile {profile.name}:")
        lines += [f"  {one.alias}: {', '.join(one.models)}" for one in profile.bindings]
        pins = ", ".join(f"{name} {number}" for name, number in profile.registry_versions.items())
        lines += [f"  pinned lists of models: {pins}"] if pins else []
    if lockfile.extends:
        lines.append(f"Packages (read only): {', '.join(lockfile.extends)}")
    lines += [f"Provider {one.name}: {one.base_url}" for one in lockfile.providers.values()]
    return Answer("\n".join([*lines, *_pending_lines(bench)]), configuration(bench, lockfile))


def configuration(bench: Bench, lockfile: Lockfile) -> dict[str, Any]:
    """A lockfile as JSON, with what is not saved yet."""
    return {
        "path": str(bench.draft.path),
        "is_new": bench.draft.is_new,
        "profile": bench.draft.profile_name(),
        "default_profile": lockfile.default_profile,
        "profiles": {name: profile_json(one) for name, one in lockfile.profiles.items()},
        "extends": list(lockfile.extends),
        "providers": {one.name: one.base_url for one in lockfile.providers.values()},
        "not_saved": list(map(_told, bench.draft.changes())),
    }


def profile_json(profile: Profile) -> dict[str, Any]:
    """A profile as JSON."""
    return {
        "aliases": {one.alias: list(one.models) for one in profile.bindings},
        "registry_versions": dict(profile.registry_versions),
    }


def _own_aliases(lockfile: Lockfile, profile: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for binding in profile_of(lockfile, profile).bindings:
        found.setdefault(binding.alias, binding.models)
    return found


def _package_aliases(bench: Bench, profile: str | None) -> dict[str, tuple[str, ...]]:
    """The aliases of the packages that the lockfile extends; of those that can be read."""
    name = bench.draft.profile_name(profile)
    return dict(_of_packages(bench.draft.lockfile.extends, name))


def _of_packages(packages: Sequence[str], profile: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for package in packages:
        try:
            theirs = load_package(package)
            name = profile if profile in theirs.profiles else theirs.default_profile
            for alias, models in _own_aliases(theirs, name).items():
                yield f"{package}:{alias}", models
        except LockfileError:
            continue


def _line(bench: Bench, model: str, profile: str) -> str:
    return model_lines.line(model, bench.models.find(model, profile), bench.models.problem(model))


def _pending_lines(bench: Bench) -> list[str]:
    changes = bench.draft.changes()
    return ["Not saved yet:", *(f"  {one}" for one in changes)] if changes else []


def _told(change: AliasChange) -> dict[str, Any]:
    before, after = (None if one is None else list(one) for one in (change.before, change.after))
    return {"profile": change.profile, "alias": change.alias, "before": before, "after": after}
