"""From an alias to its models, given the lockfile: profiles, overrides, packages' aliases."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from llmring.exceptions import LockfileError
from llmring.lockfile.names import (
    canonical,
    canonical_alias,
    listed,
    shown,
    split_reference,
    suggestion,
)
from llmring.lockfile.types import Binding, Lockfile, Profile


@dataclass(frozen=True, slots=True)
class Pool:
    """The models that may answer, in order of preference.

    :param name: the alias or model that was asked for.
    :param models: ``provider:model`` each, the provider in small letters; at least one.
    :param profile: the profile that the alias was found in; None for a model.
    :param source: the lockfile that has the alias; None for a model.
    """

    name: str
    models: tuple[str, ...]
    profile: str | None = None
    source: Path | None = None

    @property
    def is_alias(self) -> bool:
        """Whether `name` is an alias, not a model."""
        return self.profile is not None


def as_model(name: object, providers: Collection[str]) -> str | None:
    """`name` as ``provider:model`` if it starts with the name of one of `providers`."""
    reference = split_reference(name)
    return ":".join(reference) if reference and reference[0] in providers else None


def find_pool(
    alias: str,
    profile: str,
    lockfile: Lockfile,
    providers: Collection[str],
    package_lockfile: Callable[[str], Lockfile],
) -> Pool:
    """The pool of `alias`: the lockfile's own, else that of a package that it extends.

    :param profile: the profile to look in.
    :param providers: all that are known, for what was likely meant.
    :param package_lockfile: gives the lockfile of an installed package.
    :raises LockfileError: no such alias or profile, or its models cannot be used.
    """
    own = profile_of(lockfile, profile)
    if binding := _binding(own, alias):
        return _pool(alias, binding, profile, lockfile)
    if model := _with_a_colon(alias, providers):
        raise LockfileError(
            f"unknown alias {alias!r} in profile {profile!r} ({lockfile.name}); did you mean the "
            f"model {model!r}?",
            code="unknown_alias",
            details={"alias": alias, "profile": profile, "profiles": []},
        )
    package, colon, name = alias.partition(":")
    if not colon:
        raise _unknown_alias(alias, profile, lockfile)
    if package.lower() in providers:
        raise LockfileError(
            f"{shown(alias)} names no model of {package.lower()}; write it as 'openai:gpt-5.5'",
            code="invalid",
        )
    extended = {canonical(one): one for one in lockfile.extends}
    if canonical(package) not in extended:
        raise LockfileError(
            f"unknown alias {alias!r}: {package!r} is neither a provider nor a package in "
            f"[extends] of {lockfile.name}{suggestion(package, [*providers, *lockfile.extends])}",
            code="unknown_alias",
        )
    theirs = package_lockfile(extended[canonical(package)])
    # A package knows nothing of its user's profiles; where it lacks one, its default counts.
    their_profile = profile if profile in theirs.profiles else theirs.default_profile
    found = profile_of(theirs, their_profile).binding(name)
    if found is None:
        raise _unknown_alias(name, their_profile, theirs, f" of package {package!r}")
    return _pool(alias, found, profile, theirs)


def profile_of(lockfile: Lockfile, name: str) -> Profile:
    """A profile of a lockfile.

    :raises LockfileError: it has none of that name.
    """
    if profile := lockfile.profiles.get(name):
        return profile
    if name == lockfile.default_profile and not lockfile.profiles:
        # A lockfile may have nothing but [extends].
        return Profile(name)
    raise LockfileError(
        f"unknown profile {name!r} ({lockfile.name}); it has "
        f"{listed(list(lockfile.profiles)) or 'none'}{suggestion(name, lockfile.profiles)}",
        code="unknown_profile",
    )


def _binding(profile: Profile, alias: str) -> Binding | None:
    if found := profile.binding(alias):
        return found
    if ":" not in alias:
        return None
    wanted = canonical_alias(alias)
    return next((one for one in profile.bindings if canonical_alias(one.alias) == wanted), None)


def _with_a_colon(name: str, providers: Collection[str]) -> str | None:
    """``provider/model``, as other libraries write a model, in our spelling."""
    provider, slash, model = name.partition("/")
    return as_model(f"{provider}:{model}", providers) if slash and ":" not in provider else None


def _unknown_alias(alias: str, profile: str, lockfile: Lockfile, owner: str = "") -> LockfileError:
    bindings = lockfile.profiles.get(profile, Profile(profile)).bindings
    here = list(dict.fromkeys(binding.alias for binding in bindings))
    elsewhere = [name for name, other in lockfile.profiles.items() if other.binding(alias)]
    hint = suggestion(alias, here)
    if not hint and not elsewhere:
        hint = f"; it has {listed(here) or 'none'}"
        hint += "" if owner else "; a model is written provider:model"
    if elsewhere:
        hint = f"; profile {listed([repr(name) for name in elsewhere])} has it"
    return LockfileError(
        f"unknown alias {alias!r} in profile {profile!r}{owner} ({lockfile.name}){hint}",
        code="unknown_alias",
        details={"alias": alias, "profile": profile, "profiles": elsewhere},
    )


def _pool(alias: str, binding: Binding, profile: str, lockfile: Lockfile) -> Pool:
    references = [split_reference(model) for model in binding.models]
    for model, reference in zip(binding.models, references, strict=True):
        if reference is None:
            raise LockfileError(
                f"alias {alias!r} in profile {profile!r} ({lockfile.name}) lists {shown(model)}, "
                "which is not provider:model, such as 'openai:gpt-5.5'",
                code="invalid",
            )
    if not references:
        raise LockfileError(
            f"alias {alias!r} in profile {profile!r} ({lockfile.name}) has no models; bind one "
            f"(llmring bind {alias} openai:gpt-5.5)",
            code="empty_pool",
        )
    models = tuple(dict.fromkeys(":".join(one) for one in references if one is not None))
    return Pool(alias, models, profile, lockfile.path)
