"""Lockfiles: which models an alias stands for, written down in TOML.

`AliasResolver` reads; `LockfileDocument` and `editing` write and keep comments; `validate` and
`check` tell what is wrong. Nothing here calls a model, and no package is imported to read its
lockfile. A name's module is loaded when the name is first used.
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

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
    "llmring.lockfile.cache": "AliasCache",
    "llmring.lockfile.document": "LockfileDocument editing",
    "llmring.lockfile.names": "BUILTIN_PROVIDERS split_reference",
    "llmring.lockfile.packages": "find_in_package load_package",
    "llmring.lockfile.parsing": "load parse",
    "llmring.lockfile.paths": "BUNDLED Location find locate",
    "llmring.lockfile.pools": "Pool",
    "llmring.lockfile.resolution": "AliasResolver Resolution",
    "llmring.lockfile.types": "Binding Finding Lockfile Profile ProviderEntry",
    "llmring.lockfile.validation": "Check check validate validate_text",
}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

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
