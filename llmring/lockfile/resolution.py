"""Resolving by the lockfile in use: the profile, the cache, what is available or missing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from LLM.extras import how_to_add
from llmring.exceptions import ConfigurationError, LockfileError, ProviderNotFoundError
from llmring.lockfile.cache import AliasCache
from llmring.lockfile.names import (
    BUILTIN_PROVIDERS,
    PROVIDER_KEYS,
    is_name,
    listed,
    shown,
)
from llmring.lockfile.packages import load_package
from llmring.lockfile.parsing import load
from llmring.lockfile.paths import Location, locate
from llmring.lockfile.pools import Pool, as_model, find_pool, profile_of
from llmring.lockfile.types import Lockfile

PROFILE_VARIABLE = "LLMRING_PROFILE"


@dataclass(frozen=True, slots=True)
class Resolution:
    """A pool and the model of it to use.

    :param model: the first whose provider is available.
    :param available: all of them whose providers are, in order: `model`, then what to fall back to.
    :param registry_versions: the version of each provider's list of models that is pinned.
    """

    pool: Pool
    model: str
    available: tuple[str, ...]
    registry_versions: Mapping[str, int]


class AliasResolver:
    """Resolves aliases by the lockfile that is in use, and notices when that changes.

    Threads may share it.

    :param lockfile_path: as `find`.
    :param cache: keeps resolved aliases; cleared when the lockfile changes.
    :param environ: the environment variables; None for the process's.
    :param package_lockfile: gives the lockfile of an installed package.
    :raises LockfileError: the lockfile is missing or broken.
    """

    def __init__(
        self,
        lockfile_path: str | os.PathLike[str] | None = None,
        *,
        cache: AliasCache[Pool] | None = None,
        environ: Mapping[str, str] | None = None,
        package_lockfile: Callable[[str], Lockfile] = load_package,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._location = locate(lockfile_path, self._environ)
        self._cache: AliasCache[Pool] = AliasCache() if cache is None else cache
        self._package_lockfile = package_lockfile
        self._further_providers: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        # The lockfile and the state of the file that it was read from, replaced together.
        self._read: tuple[tuple[object, ...], Lockfile] | None = None
        self._current()

    @property
    def location(self) -> Location:
        """Where the lockfile is read, and written."""
        return self._location

    @property
    def lockfile(self) -> Lockfile:
        """The lockfile as it is now.

        :raises LockfileError: it is gone or broken.
        """
        return self._current()

    @property
    def last_read(self) -> Lockfile:
        """The lockfile as it was when something here last looked, so that one call goes by one."""
        read = self._read
        return self._current() if read is None else read[1]

    def look(self) -> None:
        """See whether the lockfile has changed.

        :raises LockfileError: it is gone or broken.
        """
        self._current()

    def add_provider(self, name: str) -> None:
        """Take ``name:…`` for a model from now on."""
        self._further_providers |= {name.lower()}
        self.clear()

    def clear(self) -> None:
        """Forget what was read and resolved."""
        with self._lock:
            self._read = None
            self._cache.clear()

    def profile_name(self, profile: str | None = None) -> str:
        """The profile in use: `profile`, ``LLMRING_PROFILE``, or the lockfile's default.

        :raises LockfileError: `profile` is no text.
        """
        return self._profile_name(profile, self._current())

    def pool(self, alias_or_model: str, profile: str | None = None) -> Pool:
        """The models that `alias_or_model` stands for.

        :param profile: None for the one in use.
        :raises LockfileError: no such alias or profile, or its models cannot be used.
        """
        lockfile = self._current()
        return self._pool(alias_or_model, self._profile_name(profile, lockfile), lockfile)

    def resolve(
        self,
        alias_or_model: str,
        profile: str | None = None,
        is_available: Callable[[str], bool] | None = None,
    ) -> Resolution:
        """The pool of `alias_or_model` and the model of it to use.

        A model that is named outright is used whether its provider is available or not: its
        provider then says what it lacks.

        :param is_available: whether a provider can be used; None takes all for available.
        :raises LockfileError: as `pool`.
        :raises ProviderNotFoundError: none of the pool's providers is available.
        """
        lockfile = self._current()
        name = self._profile_name(profile, lockfile)
        pool = self._pool(alias_or_model, name, lockfile)
        available = pool.models
        if is_available is not None and pool.is_alias:
            available = tuple(one for one in pool.models if is_available(one.partition(":")[0]))
        if not available:
            raise self._none_available(pool)
        versions = _registry_versions(name, lockfile)
        return Resolution(pool, available[0], available, versions)

    def has_alias(self, alias: str, profile: str | None = None) -> bool:
        """Whether `alias` can be resolved. Never raises; a model is no alias."""
        try:
            return self.pool(alias, profile).is_alias
        except LockfileError:
            return False

    def aliases(self, profile: str | None = None) -> dict[str, tuple[str, ...]]:
        """The lockfile's own aliases of a profile and their models, as written.

        :raises LockfileError: no such profile.
        """
        lockfile = self._current()
        bindings = profile_of(lockfile, self._profile_name(profile, lockfile)).bindings
        found: dict[str, tuple[str, ...]] = {}
        for binding in bindings:
            found.setdefault(binding.alias, binding.models)
        return found

    def registry_versions(self, profile: str | None = None) -> Mapping[str, int]:
        """The version of each provider's list of models that the profile in use pins.

        :return: none for a profile that is not there.
        :raises LockfileError: the lockfile is gone or broken.
        """
        lockfile = self._current()
        return _registry_versions(self._profile_name(profile, lockfile), lockfile)

    def require_aliases(
        self, aliases: Iterable[str], context: str | None = None, profile: str | None = None
    ) -> None:
        """Check that all `aliases` can be resolved.

        :param context: who needs them, for the message.
        :raises LockfileError: (a ValueError) some cannot; the message has each with its reason.
        :raises ConfigurationError: `aliases` is one string.
        """
        if isinstance(aliases, str):
            raise ConfigurationError(f"aliases must be a list of names; give [{aliases!r}]")
        missing: dict[str, str] = {}
        for alias in aliases:
            try:
                if not self.pool(alias, profile).is_alias:
                    missing[alias] = "it is a model, not an alias"
            except LockfileError as err:
                missing[alias] = err.message
        if not missing:
            return
        lockfile = self._current()
        needed_by = f" for {context}" if context else ""
        reasons = "".join(f"\n  {alias}: {reason}" for alias, reason in missing.items())
        raise LockfileError(
            f"Lockfile missing required aliases{needed_by}: {', '.join(map(str, missing))}.\n"
            f"Lockfile path: {lockfile.name}\n"
            f"Profile: {self._profile_name(profile, lockfile)}\n"
            f"Please ensure your lockfile defines these aliases.{reasons}",
            details={"path": lockfile.name, "missing": missing},
            code="missing_aliases",
        )

    def _pool(self, alias_or_model: object, profile: str, lockfile: Lockfile) -> Pool:
        # What is kept was an alias by this lockfile, so nothing else has to be asked first.
        key = (alias_or_model, profile)
        if isinstance(alias_or_model, str) and (kept := self._cache.get(key)):
            return kept
        if reference := as_model(alias_or_model, self._providers(lockfile)):
            return Pool(str(alias_or_model), (reference,))
        if not is_name(alias_or_model):
            raise LockfileError(
                f"{shown(alias_or_model)} is no alias or model; give a name such as 'fast' or "
                "'openai:gpt-5.5'",
                code="invalid",
            )
        pool = find_pool(
            alias_or_model, profile, lockfile, self._providers(lockfile), self._package_lockfile
        )
        with self._lock:
            # Between the reading and now the file may have changed and the cache been cleared.
            if self._read is not None and self._read[1] is lockfile:
                self._cache.put(key, pool)
        return pool

    def _profile_name(self, profile: str | None, lockfile: Lockfile) -> str:
        if profile is not None and not is_name(profile):
            raise LockfileError(f"profile must be a name, not {shown(profile)}", code="invalid")
        return profile or self._environ.get(PROFILE_VARIABLE) or lockfile.default_profile

    def _current(self) -> Lockfile:
        path = self._location.target
        state = _state(path)
        if state[1] is None:  # not there, or a link that leads nowhere
            path = self._location.readable()
            state = _state(path)
        read = self._read
        if read is not None and read[0] == state:
            return read[1]
        with self._lock:
            read = self._read
            if read is not None and read[0] == state:  # another thread was first
                return read[1]
            lockfile = load(path)
            self._read = (state, lockfile)
            self._cache.clear()
        return lockfile

    def _providers(self, lockfile: Lockfile) -> Collection[str]:
        return {*BUILTIN_PROVIDERS, *lockfile.providers, *self._further_providers}

    def _none_available(self, pool: Pool) -> ProviderNotFoundError:
        providers = list(dict.fromkeys(model.partition(":")[0] for model in pool.models))
        variables = [PROVIDER_KEYS[one][0] for one in providers if one in PROVIDER_KEYS]
        advice = f"set {' or '.join(variables)}" if variables else "set one of them up"
        if "local" in providers:
            advice += f", or {how_to_add('llama')} for models on this machine"
        return ProviderNotFoundError(
            f"alias {pool.name!r} in profile {pool.profile!r} has no model whose provider is "
            f"available (it lists {listed(providers)}); bind another model, or {advice}",
            model=pool.name,
        )


def _registry_versions(profile: str, lockfile: Lockfile) -> Mapping[str, int]:
    found = lockfile.profiles.get(profile)
    return found.registry_versions if found else {}


def _state(path: Path) -> tuple[object, ...]:
    """What changes when the file at `path` does; a file that is gone has a state too."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return (path, None)
    return (path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
