"""Lockfiles: which models an alias stands for, written down in TOML.

`AliasResolver` reads; `LockfileDocument` and `editing` write and keep comments; `validate` and
`check` tell what is wrong. Nothing here calls a model, and no package is imported to read its
lockfile.
"""

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
