"""A lockfile that is changed: comments, order and unknown keys stay as they are."""

from __future__ import annotations

import contextlib
import os
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmring.exceptions import LockfileError
from llmring.lockfile import changes, layout
from llmring.lockfile.names import (
    BUILTIN_PROVIDERS,
    canonical,
    is_name,
    is_package,
    is_provider,
    shown,
    split_reference,
    suggestion,
)
from llmring.lockfile.parsing import MAX_REGISTRY_VERSION, parse
from llmring.lockfile.paths import BUNDLED, Location
from llmring.lockfile.reading import MAX_BYTES, decode, problem, read_bytes
from llmring.lockfile.types import Lockfile
from llmring.lockfile.writing import only_writer, replace

_BOM = b"\xef\xbb\xbf"
_HEADING = b"# Which models each alias stands for, the first choice first.\n\n"


class LockfileDocument:
    """A lockfile's text and the changes to it.

    Each change is checked: what a change makes of the text means what was asked for, or the change
    is refused and the text is as before.

    :param data: the lockfile's bytes.
    :param path: where it is written.
    :param on_disk: whether `data` was read from `path`; `save` then refuses to overwrite others'
        changes, and else to overwrite a file at all.
    :param now: the time, for ``updated_at``.
    :raises LockfileError: as `parse`.
    """

    def __init__(
        self,
        data: bytes,
        path: Path | None = None,
        *,
        on_disk: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.path = path
        self._original = data if on_disk else None
        self._has_bom = data.startswith(_BOM)
        text = decode(data, path)
        # tomlkit ends new lines with LF, which would leave a file of CRLF with both.
        self._has_crlf = "\r\n" in text and text.count("\n") == text.count("\r\n")
        self._text = text.replace("\r\n", "\n") if self._has_crlf else text
        self._now = now
        self._lockfile = parse(self._text, path)

    @classmethod
    def read(cls, path: str | Path) -> LockfileDocument:
        """The lockfile at `path`.

        :raises LockfileError: as `load`.
        """
        path = Path(path)
        return cls(read_bytes(path), path, on_disk=True)

    @classmethod
    def at(cls, location: Location) -> LockfileDocument:
        """The lockfile to change at `location`.

        Where there is none yet it starts as the bundled one, whose place it takes, so that the
        aliases that worked so far go on working.

        :raises LockfileError: as `Location.readable` and `load`.
        """
        _require_users(location.target)
        readable = location.readable()
        if readable != BUNDLED:
            return cls.read(readable)
        return cls(_template(), location.target)

    @classmethod
    def starter(
        cls, providers: Collection[str], path: Path | None = None, **options: Any
    ) -> LockfileDocument:
        """A new lockfile: the bundled aliases with the models of `providers` and the local ones.

        :param providers: those that are set up, such as the ones with a key.
        :param options: those of the constructor.
        """
        document = cls(_template(), path, **options)
        usable = {"local", *(provider.lower() for provider in providers)}
        for profile in document.lockfile.profiles.values():
            for binding in profile.bindings:
                models = [one for one in binding.models if one.partition(":")[0] in usable]
                document.bind(binding.alias, models, profile.name)
        document._change(changes.put("created_at", document._now().isoformat(timespec="seconds")))
        document._change(changes.put("updated_at", document._now().isoformat(timespec="seconds")))
        return document

    @property
    def lockfile(self) -> Lockfile:
        """What the text means."""
        return self._lockfile

    @property
    def data(self) -> bytes:
        """The text as it is written."""
        text = self._text.replace("\n", "\r\n") if self._has_crlf else self._text
        return (_BOM if self._has_bom else b"") + text.encode()

    def bind(self, alias: str, models: str | Sequence[str], profile: str | None = None) -> None:
        """Give `alias` a pool, in place of the one it has.

        :param models: ``provider:model``, the first choice first; one text may have several, with
            commas between.
        :param profile: None for the default one. It is made where it is missing.
        :raises LockfileError: a name that cannot be one, or no models.
        """
        self._check_alias(alias)
        if not isinstance(models, Iterable):
            raise LockfileError(f"models must be names, not {shown(models)}; give 'openai:gpt-5.5'")
        pool = models.split(",") if isinstance(models, str) else list(models)
        pool = [self._checked_model(model) for model in pool]
        if not pool:
            raise LockfileError(f"alias {alias!r} needs a model, such as 'openai:gpt-5.5'")
        pool = list(dict.fromkeys(pool))
        name = self._profile(profile)
        if name not in self._lockfile.profiles:
            self.add_profile(name)
        lines = [layout.pair("alias", alias), layout.pair("models", pool)]
        head = layout.header(("profiles", name, "bindings"), array=True)
        places = (("profiles", name, "bindings"), ("profiles", name))
        self._edit(
            changes.bind(alias, pool, name),
            lambda text: layout.add_table(text, head, lines, places),
        )

    def unbind(self, alias: str, profile: str | None = None) -> bool:
        """Take `alias` away; False where the profile does not have it.

        :raises LockfileError: no such profile.
        """
        name = self._profile(profile)
        known = self._lockfile.profiles
        if name not in known:
            raise LockfileError(
                f"unknown profile {name!r} ({self._lockfile.name}){suggestion(name, known)}",
                code="unknown_profile",
            )
        if known[name].binding(alias) is None:
            return False
        numbers = [
            number for number, binding in enumerate(known[name].bindings) if binding.alias == alias
        ]
        head = [layout.header(("profiles", name)), layout.pair("name", name)]

        def cut(text: str, instead: Sequence[str] = ()) -> str:
            for number in reversed(numbers):
                text = layout.cut_table(
                    text, ("profiles", name, "bindings", number), instead if number == 0 else ()
                )
            return text

        self._edit(changes.unbind(alias, name), cut, lambda text: cut(text, head))
        return True

    def add_profile(self, profile: str) -> bool:
        """Make an empty profile; False where it is there.

        :raises LockfileError: it cannot be a name.
        """
        name = self._profile(profile)
        if name in self._lockfile.profiles:
            return False
        head, lines = layout.header(("profiles", name)), [layout.pair("name", name)]
        self._edit(
            changes.add_profile(name),
            lambda text: layout.add_table(text, head, lines, [("profiles",)]),
        )
        return True

    def extend(self, package: str) -> bool:
        """Add a package whose aliases may be used; False where it is listed.

        :raises LockfileError: it cannot be a package.
        """
        if not is_package(package):
            raise LockfileError(f"{shown(package)} cannot name a package; give the name pip knows")
        if package.lower() in (*BUILTIN_PROVIDERS, *self._lockfile.providers):
            raise LockfileError(
                f"package {package!r} has the name of a provider; its aliases cannot be reached"
            )
        if canonical(package) in map(canonical, self._lockfile.extends):
            return False
        line = layout.pair("packages", [package])
        self._edit(
            changes.extend(package),
            lambda text: layout.add_line(text, ("extends",), line),
            lambda text: layout.add_table(text, layout.header(("extends",)), [line], []),
        )
        return True

    def pin(self, provider: str, version: int, profile: str | None = None) -> None:
        """Pin the version of a provider's registry.

        :param version: 1 to a thousand million.
        :raises LockfileError: a name or number that cannot be one.
        """
        if not is_provider(provider):
            raise LockfileError(f"{shown(provider)} cannot name a provider")
        if type(version) is not int or not 0 < version <= MAX_REGISTRY_VERSION:
            raise LockfileError(
                f"a registry's version is a whole number from 1 to {MAX_REGISTRY_VERSION:,}, not "
                f"{shown(version)}"
            )
        name, provider = self._profile(profile), provider.lower()
        if name not in self._lockfile.profiles:
            self.add_profile(name)
        key = ("profiles", name, "registry_versions")
        line = layout.pair(provider, version)
        self._edit(
            changes.pin(provider, version, name),
            lambda text: layout.add_line(text, key, line),
            lambda text: layout.add_table(text, layout.header(key), [line], [("profiles", name)]),
        )

    def save(self, *, force: bool = False) -> None:
        """Write the text to `path`, in one step.

        :param force: replace whatever is there.
        :raises LockfileError: it cannot be written, or the file is no longer what was read.
        """
        if self.path is None:
            raise LockfileError("this lockfile has no path; give one to LockfileDocument")
        with only_writer(self.path):
            self._save(force)

    def _save(self, force: bool = False) -> None:
        assert self.path is not None
        _require_users(self.path)
        if force:
            self._original = None
        elif self._original is None:
            if os.path.lexists(self.path):
                raise problem(self.path, "already exists; change it as it is, or give force=True")
        elif read_bytes(self.path) != self._original:
            raise problem(self.path, "has changed since it was read; read it again")
        data = self.data
        if len(data) > MAX_BYTES:
            raise problem(self.path, f"would be larger than {MAX_BYTES:,} bytes, the most allowed")
        if data != self._original:
            replace(self.path, data)
            self._original = data

    def _profile(self, profile: str | None) -> str:
        name = self._lockfile.default_profile if profile is None else profile
        if not is_name(name):
            raise LockfileError(
                f"{shown(name)} cannot name a profile; use letters, digits, - and _"
            )
        return name

    def _check_alias(self, alias: str) -> None:
        if not is_name(alias):
            raise LockfileError(f"{shown(alias)} cannot be an alias; use letters, digits, - and _")
        prefix, colon, name = alias.partition(":")
        if colon and prefix.lower() in (*BUILTIN_PROVIDERS, *self._lockfile.providers):
            raise LockfileError(
                f"{alias!r} starts with the name of a provider, so it is always a model; choose an "
                "alias without it"
            )
        if colon and not (is_package(prefix) and name):
            raise LockfileError(f"{alias!r} cannot be an alias; write it package:name")

    def _checked_model(self, model: str) -> str:
        reference = split_reference(model.strip()) if hasattr(model, "strip") else None
        if reference is None:
            raise LockfileError(
                f"{shown(model)} is not provider:model, such as 'openai:gpt-5.5'", code="invalid"
            )
        return ":".join(reference)

    def _edit(self, change: changes.Change, *rewrites: changes.Rewrite) -> None:
        """Make a change, and say when, where the lockfile says so."""
        before = self._text
        self._change(change, *rewrites)
        if self._text == before:
            return
        said = tomllib.loads(self._text).get("updated_at")
        if isinstance(said, datetime):
            self._change(changes.put("updated_at", self._now().replace(microsecond=0)))
        elif isinstance(said, str):
            self._change(changes.put("updated_at", self._now().isoformat(timespec="seconds")))

    def _change(self, change: changes.Change, *rewrites: changes.Rewrite) -> None:
        # 25 ms to import; only who writes needs it.
        from llmring.lockfile.edits import edited

        text = edited(self._text, change, rewrites)
        if text is None:
            raise problem(
                self.path,
                "cannot be changed without changing what else it says; bring it into the layout of "
                "[[profiles.NAME.bindings]] tables",
            )
        self._lockfile, self._text = parse(text, self.path), text


def _require_users(path: Path) -> None:
    """Refuse to change the bundled lockfile."""
    if os.path.realpath(path) == os.path.realpath(BUNDLED):
        raise problem(path, "comes with llmring and is not changed; copy it")


def _template() -> bytes:
    """The bundled lockfile, under a heading for a user's."""
    _, version, rest = read_bytes(BUNDLED).partition(b"version =")
    return _HEADING + version + rest


@contextlib.contextmanager
def editing(location: Location) -> Iterator[LockfileDocument]:
    """The lockfile at `location`, saved at the end unless an error comes; others wait meanwhile.

    :raises LockfileError: as `LockfileDocument.at` and `LockfileDocument.save`.
    """
    with only_writer(location.target):
        document = LockfileDocument.at(location)
        yield document
        document._save()
