"""Which package each public name is described at: one home, whoever hands it on."""

from __future__ import annotations

import functools
import importlib
import inspect
from typing import Any, Literal, NamedTuple

from sphinx.pycode import ModuleAnalyzer

#: Packages in the order in which names look for a home: what several export lives in the first.
PACKAGES = (
    "LLM",
    "cloud",
    "cloud.llm",
    "ai.ai_agents.providers",
    "local_llm_kit",
    "llmring",
    "llmring.lockfile",
    "llmring.registry",
    "llmring.conversations",
    "llmring.logging",
    "llmring.mcp.client",
    "llmring.mcp.server",
    "llmring.mcp.server.lockfile",
    "llmring.server",
    "llm_kit",
    "llm_kit.ray",
)

_OURS = frozenset(package.partition(".")[0] for package in PACKAGES)

Kind = Literal["class", "exception", "function", "data"]


class PublicName(NamedTuple):
    """A name of a package's `__all__`.

    :param name: as the package spells it.
    :param home: the package that describes it, perhaps another one.
    :param kind: what it is, in the words of Sphinx's roles.
    :param summary: what is said of it first, in one line; may be empty.
    """

    name: str
    home: str
    kind: Kind
    summary: str

    @property
    def full_name(self) -> str:
        """Where it is imported from: `LLM.Message`."""
        return f"{self.home}.{self.name}"


@functools.cache
def public_names(package: str) -> tuple[PublicName, ...]:
    """What `package` exports, in the order of its `__all__`."""
    module = importlib.import_module(package)
    return tuple(_described(package, name, getattr(module, name)) for name in module.__all__)


def home_of(package: str, name: str) -> str:
    """The first package that exports the same thing under the same name."""
    value = getattr(importlib.import_module(package), name)
    for other in PACKAGES:
        module = importlib.import_module(other)
        if name in module.__all__ and getattr(module, name) is value:
            return other
    return package


def members(package: str, name: str) -> list[str]:
    """What a class of ours offers, inherited or not: all that is public and documented.

    Members of classes that are not ours, such as pydantic's, are not in it.
    """
    found: dict[str, None] = {}
    for cls in getattr(importlib.import_module(package), name).__mro__:
        if cls.__module__.partition(".")[0] in _OURS:
            comments = ModuleAnalyzer.for_module(cls.__module__).find_attr_docs()
            documented = [key for key, value in vars(cls).items() if _is_documented(value)]
            told = [key for owner, key in comments if owner == cls.__qualname__]
            found |= dict.fromkeys(key for key in (*documented, *told) if not key.startswith("_"))
    return list(found)


def comment_on(package: str, name: str) -> str:
    """What the `#:` comment above a value says of it, where the value is defined."""
    lazily: dict[str, str] = getattr(importlib.import_module(package), "_HOMES", {})
    module = next((path for path, names in lazily.items() if name in names.split()), package)
    comments = ModuleAnalyzer.for_module(module).find_attr_docs()
    return "\n".join(comments.get(("", name), [])).strip()


def _described(package: str, name: str, value: Any) -> PublicName:
    kind = _kind(value)
    said = comment_on(package, name) if kind == "data" else inspect.getdoc(value) or ""
    return PublicName(name, home_of(package, name), kind, _first_sentence(said))


def _is_documented(member: Any) -> bool:
    """Whether a member is a method or a property with a docstring."""
    functions = (classmethod, staticmethod, property, functools.cached_property)
    return bool((inspect.isfunction(member) or isinstance(member, functions)) and member.__doc__)


def _kind(value: Any) -> Kind:
    if inspect.isclass(value):
        return "exception" if issubclass(value, BaseException) else "class"
    return "function" if inspect.isroutine(value) else "data"


def _first_sentence(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())
