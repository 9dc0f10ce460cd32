"""Each package says what is public: `__all__` names exactly what it holds, all of it documented."""

from __future__ import annotations

import importlib
import inspect
import types
from typing import Any

import pytest

PACKAGES = [
    "LLM",
    "cloud",
    "cloud.llm",
    "llm_kit",
    "llmring",
    "llmring.conversations",
    "llmring.lockfile",
    "llmring.logging",
    "llmring.mcp.client",
    "llmring.mcp.server",
    "llmring.mcp.server.lockfile",
    "llmring.registry",
    "llmring.server",
    "local_llm_kit",
]


def public_names(package: types.ModuleType) -> set[str]:
    """What a user can import from `package` without an underscore, modules left out."""
    return {
        name
        for name, value in vars(package).items()
        if (not name.startswith("_") or name == "__version__")
        and not isinstance(value, types.ModuleType)
        and getattr(value, "__module__", "") != "__future__"
    }


def undocumented(package: types.ModuleType) -> list[str]:
    """Classes and functions of `__all__`, and their public methods, that have no docstring."""
    return [
        f"{name}.{member}" if member else name
        for name in package.__all__
        for member, value in [("", getattr(package, name)), *own_members(getattr(package, name))]
        if callable(value) and not inspect.getdoc(value)
    ]


def own_members(value: Any) -> list[tuple[str, Any]]:
    if not inspect.isclass(value):
        return []
    return [(name, member) for name, member in vars(value).items()
            if not name.startswith("_") and inspect.isfunction(member)]  # fmt: skip


def order(name: str) -> tuple[int, str]:
    """Constants, classes, functions, each by alphabet: the order that ruff's RUF022 keeps."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("name", PACKAGES)
def test_all_leaves_nothing_public_out(name: str) -> None:
    package = importlib.import_module(name)
    assert public_names(package) - set(package.__all__) == set()


@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_of_all_can_be_imported(name: str) -> None:
    package = importlib.import_module(name)
    assert [one for one in package.__all__ if not hasattr(package, one)] == []


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_in_order_without_repetition(name: str) -> None:
    names = importlib.import_module(name).__all__
    assert names == sorted(set(names), key=order)


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_is_documented(name: str) -> None:
    assert undocumented(importlib.import_module(name)) == []


def test_an_undocumented_method_is_found() -> None:
    class Named:
        """Documented, unlike its method."""

        def method(self) -> None: ...

    package = types.ModuleType("package")
    package.__dict__.update(Named=Named, __all__=["Named"])
    assert undocumented(package) == ["Named.method"]
