"""A lockfile and changes to it that are not saved yet."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from llmring.exceptions import LockfileError
from llmring.lockfile import Location, Lockfile, LockfileDocument, editing, locate
from llmring.lockfile.names import is_name, listed, shown, suggestion
from llmring.lockfile.resolution import PROFILE_VARIABLE


class AliasChange(NamedTuple):
    """What a change makes of an alias.

    :param before: its models in the file; None where it is not there.
    :param after: its models then; None where it is taken away.
    """

    profile: str
    alias: str
    before: tuple[str, ...] | None
    after: tuple[str, ...] | None

    def __str__(self) -> str:
        before, after = ("none" if one is None else ", ".join(one) for one in self[2:])
        return f"{self.alias} (profile {self.profile}): {before} -> {after}"


class LockfileDraft:
    """A lockfile with changes in memory, until `save`. Threads may share it.

    What the file says is read anew each time and the changes are made to that, so that what others
    write meanwhile is kept.

    :param path: the lockfile; None for ``LLMRING_LOCKFILE_PATH``, else ``./llmring.lock``. One that
        is not there starts as the bundled one, and is made by `save`.
    :param profile: the profile that is meant where none is named; None for ``LLMRING_PROFILE``,
        else the lockfile's own default.
    :param environ: the environment variables; None for the process's.
    :raises LockfileError: `path` cannot be one, or `profile` cannot be a name.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        profile: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        self.path: Path = locate(path, environ).target
        # Not as one that was named, for it may have to be made.
        self._location = Location(self.path)
        self._profile = _checked(profile) or environ.get(PROFILE_VARIABLE) or None
        self._changes: dict[tuple[str, str], tuple[str, ...] | None] = {}
        self._lock = threading.RLock()

    @property
    def is_new(self) -> bool:
        """Whether there is no file yet."""
        return not os.path.lexists(self.path)

    @property
    def lockfile(self) -> Lockfile:
        """What the lockfile would say.

        :raises LockfileError: the file cannot be read.
        """
        return self._changed().lockfile

    @property
    def text(self) -> str:
        """The lockfile as it would be written.

        :raises LockfileError: the file cannot be read.
        """
        return self._changed().data.decode("utf-8-sig")

    def profile_name(self, profile: str | None = None) -> str:
        """The profile in use: `profile`, or the draft's own.

        :raises LockfileError: it cannot be a name, or the file cannot be read.
        """
        return _checked(profile) or self._profile or self.lockfile.default_profile

    def bind(self, alias: str, models: Sequence[str], profile: str | None = None) -> AliasChange:
        """Give `alias` models, in place of those it has; a profile that is not there is made.

        :param models: ``provider:model``, the first choice first.
        :raises LockfileError: the alias, a model or the profile cannot be one.
        """
        with self._lock:
            name = self.profile_name(profile)
            document = self._changed()
            document.bind(alias, models, name)  # checks them
            binding = document.lockfile.profiles[name].binding(alias)
            assert binding is not None
            self._changes[name, alias] = binding.models
            return AliasChange(name, alias, self._saved(name, alias), binding.models)

    def unbind(self, alias: str, profile: str | None = None) -> AliasChange:
        """Take `alias` away.

        :raises LockfileError: the profile is not there, or does not have it.
        """
        with self._lock:
            name = self.profile_name(profile)
            document = self._changed()
            if not document.unbind(alias, name):
                there = [one.alias for one in document.lockfile.profiles[name].bindings]
                raise LockfileError(
                    f"profile {name!r} has no alias {shown(alias)}; it has "
                    f"{listed(there) or 'none'}{suggestion(alias, there)}",
                    code="unknown_alias",
                )
            saved = self._saved(name, alias)
            self._changes[name, alias] = None
            return AliasChange(name, alias, saved, None)

    def changes(self) -> list[AliasChange]:
        """What `save` would change, against the file as it is now.

        :raises LockfileError: the file cannot be read.
        """
        with self._lock:
            return _differences(self._changes, LockfileDocument.at(self._location).lockfile)

    def save(self) -> list[AliasChange]:
        """Write the changes, in one step; comments stay. There are none any more, then.

        :return: what has changed in the file.
        :raises LockfileError: it cannot be written; the changes are kept.
        """
        with self._lock:
            with editing(self._location) as document:
                made = _differences(self._changes, document.lockfile)
                self._apply(document)
            self._changes.clear()
            return made

    def _changed(self) -> LockfileDocument:
        with self._lock:
            document = LockfileDocument.at(self._location)
            self._apply(document)
            return document

    def _apply(self, document: LockfileDocument) -> None:
        for (profile, alias), models in self._changes.items():
            if models is not None:
                document.bind(alias, models, profile)
            elif profile in document.lockfile.profiles:
                document.unbind(alias, profile)

    def _saved(self, profile: str, alias: str) -> tuple[str, ...] | None:
        return _models(LockfileDocument.at(self._location).lockfile, profile, alias)


def _differences(
    changes: Mapping[tuple[str, str], tuple[str, ...] | None], lockfile: Lockfile
) -> list[AliasChange]:
    told = [
        AliasChange(profile, alias, _models(lockfile, profile, alias), models)
        for (profile, alias), models in changes.items()
    ]
    return [one for one in told if one.before != one.after]


def _models(lockfile: Lockfile, profile: str, alias: str) -> tuple[str, ...] | None:
    found = lockfile.profiles.get(profile)
    binding = found.binding(alias) if found else None
    return binding.models if binding else None


def _checked(profile: str | None) -> str | None:
    if profile is None or profile == "":
        return None  # models fill in what they have nothing to say for
    if not is_name(profile):
        raise LockfileError(f"profile must be a name, not {shown(profile)}", code="invalid")
    return profile
