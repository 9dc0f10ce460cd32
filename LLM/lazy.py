"""Packages whose names load their modules when they are first used.

So that who imports one name does not pay for all: the error tree costs a millisecond, the client
with requests and pydantic a hundred.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(
    namespace: dict[str, Any], homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A package's `__getattr__` and `__dir__`.

    :param namespace: the package's `globals()`, where a name is kept once it is loaded.
    :param homes: the public names of each module, separated by spaces.
    :return: the two functions, to be assigned in the package. Source: PEP 562.
    """
    home_of = {name: module for module, names in homes.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        value = namespace[name] = getattr(importlib.import_module(home_of[name]), name)
        return value

    def names() -> list[str]:
        return sorted({*namespace, *namespace["__all__"]})

    return get, names
