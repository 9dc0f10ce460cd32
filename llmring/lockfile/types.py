"""What a lockfile says, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

#: The format that is written, and the only major version that is read.
VERSION = "1.0"
DEFAULT_PROFILE = "default"

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Binding:
    """An alias and the models that stand for it.

    :param alias: the name, or ``package:name`` where it overrides a package's.
    :param models: ``provider:model``, the first choice first.
    :param constraints: what the models must be able to do, for tools that choose models.
    """

    alias: str
    models: tuple[str, ...]
    constraints: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """The bindings of one environment.

    :param bindings: in the order of the file. Of two with one alias the first counts.
    :param registry_versions: the version of each provider's registry that is pinned.
    """

    name: str
    bindings: tuple[Binding, ...] = ()
    registry_versions: Mapping[str, int] = field(default_factory=dict)

    def binding(self, alias: str) -> Binding | None:
        """The binding of `alias`; None where it has none."""
        return next((one for one in self.bindings if one.alias == alias), None)


@dataclass(frozen=True, slots=True)
class ProviderEntry:
    """A provider with an OpenAI-compatible API that the lockfile adds.

    :param base_url: its address.
    :param api_key_env: the environment variable that holds its key; None sends none.
    """

    name: str
    base_url: str
    api_key_env: str | None = None


@dataclass(frozen=True, slots=True)
class Lockfile:
    """A lockfile's contents.

    :param path: where it was read; None for text.
    :param extends: packages whose aliases may be used as ``package:alias``.
    :param providers: what ``[providers.NAME]`` adds to the built-in ones, by names in small
        letters.
    :param metadata: further facts, not ours.
    """

    path: Path | None = None
    version: str = VERSION
    default_profile: str = DEFAULT_PROFILE
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    extends: tuple[str, ...] = ()
    providers: Mapping[str, ProviderEntry] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The path for messages."""
        return "lockfile" if self.path is None else str(self.path)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that `validate` found.

    :param severity: an ``error`` keeps something from working; a ``warning`` is likely a slip.
    :param key: the place by its keys, such as ``profiles.dev.bindings[0].models``; may be empty.
    :param line: the place by its line, from 1; None where the file as a whole is meant.
    """

    severity: Severity
    message: str
    key: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = ", ".join(filter(None, [f"line {self.line}" if self.line else "", self.key]))
        return ": ".join(filter(None, [self.severity, place, self.message]))
