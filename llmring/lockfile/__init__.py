"""Lockfiles: which models an alias stands for, written down in TOML.

`AliasResolver` reads; `LockfileDocument` and `editing` write and keep comments; `validate` and
`check` tell what is wrong. Nothing here calls a model, and no package is imported to read its
lockfile. A name's module is loaded when the name is first used.
"""

from __future__ import annotations

import importlib
import typing

if typing.TYPE_CHECKING:
    from llmring.lockfile.cache import AliasCache
    from llmring.lockfile.document import LockfileDocument, editing
    from llmring.lockfile.names import BUILTIN_PROVIDERS, split_reference
    from llmring.lockfile.packages import find_in_package, load_package
    from llmring.lockfile.parsing import load, parse
    from llmring.lockfile.paths import BUNDLED, Location, find, locate
    from llmring.lockfile.pools import Pool
    from llmring.lockfile.resolution import AliasResolver, Resolution
    from llmring.lockfile.types import Binding, Finding, Lockfile, Profile, ProviderEntry
    from llmring.lockfile.validation import Check, check, validate, validate_text

# Which module each public name lives in.
_HOMES = {
    "cache": "AliasCache",
    "document": "LockfileDocument editing",
    "names": "BUILTIN_PROVIDERS split_reference",
    "packages": "find_in_package load_package",
    "parsing": "load parse",
    "paths": "BUNDLED Location find locate",
    "pools": "Pool",
    "resolution": "AliasResolver Resolution",
    "types": "Binding Finding Lockfile Profile ProviderEntry",
    "validation": "Check check validate validate_text",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> typing.Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "BUILTIN_PROVIDERS",
    "BUNDLED",
    "AliasCache",
    "AliasResolver",
    "Binding",
    "Check",
    "Finding",
    "Location",
    "Lockfile",
    "LockfileDocument",
    "Pool",
    "Profile",
    "ProviderEntry",
    "Resolution",
    "check",
    "editing",
    "find",
    "find_in_package",
    "load",
    "load_package",
    "locate",
    "parse",
    "split_reference",
    "validate",
    "validate_text",
]
