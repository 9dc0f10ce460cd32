"""Rules of names: models, aliases, packages, providers; and which name was likely meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import islice
from typing import TypeGuard

#: Providers that every lockfile knows.
BUILTIN_PROVIDERS = ("openai", "anthropic", "google", "ollama", "local")

#: Environment variables of their keys, in the order they are looked up.
PROVIDER_KEYS = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_API_KEY"),
}

#: Whose the keys are that go to one address, and that no lockfile may send to another.
KEY_OWNERS = {
    **{key: provider for provider, keys in PROVIDER_KEYS.items() for key in keys},
    "HF_TOKEN": "Hugging Face",
    "LLMRING_API_KEY": "the llmring server",
    "OLLAMA_API_KEY": "ollama",
}

#: Longest name of an alias, profile or package, in characters.
MAX_NAME_CHARS = 200
#: Longest name of a model, which may be a path.
MAX_MODEL_CHARS = 1000

# Comparing takes 20 µs a name, and a hostile file has thousands.
_MAX_COMPARED = 200

_PROVIDER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
# PEP 508: the names that a distribution may have.
_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SEPARATORS = re.compile(r"[-_.]+")


def split_reference(text: object) -> tuple[str, str] | None:
    """``provider`` in small letters and ``model`` of ``provider:model``; None where it is none.

    Whether there is such a provider is not asked.
    """
    if not isinstance(text, str):
        return None
    provider, colon, model = text.partition(":")
    if not colon or not _PROVIDER.fullmatch(provider) or not _is_model(model):
        return None
    return provider.lower(), model


def is_name(text: object) -> TypeGuard[str]:
    """Whether `text` can name an alias or profile: printable, no white space, not empty."""
    return (
        isinstance(text, str)
        and 0 < len(text) <= MAX_NAME_CHARS
        and text.isprintable()
        and " " not in text
    )


def _is_model(text: str) -> bool:
    # A path may have spaces inside.
    return 0 < len(text) <= MAX_MODEL_CHARS and text.isprintable() and text == text.strip()


def is_provider(text: object) -> TypeGuard[str]:
    """Whether `text` can name a provider."""
    return isinstance(text, str) and _PROVIDER.fullmatch(text) is not None


def is_package(text: object) -> TypeGuard[str]:
    """Whether `text` can name a distribution (PEP 508)."""
    return isinstance(text, str) and _PACKAGE.fullmatch(text) is not None


def is_variable(text: str) -> bool:
    """Whether `text` can name an environment variable; a key that was put there cannot."""
    return _VARIABLE.fullmatch(text) is not None


def canonical(package: str) -> str:
    """The one spelling of a distribution's name (PEP 503)."""
    return _SEPARATORS.sub("-", package).lower()


def canonical_alias(alias: str) -> str:
    """`alias` with its package, if it has one, in the one spelling."""
    package, colon, name = alias.partition(":")
    return f"{canonical(package)}:{name}" if colon else alias


def suggestion(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the known name that is nearest; empty where none is near."""
    import difflib  # only an error needs it

    near = difflib.get_close_matches(name[:MAX_NAME_CHARS], islice(known, _MAX_COMPARED), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def listed(names: Collection[str], most: int = 10) -> str:
    """Names for a message, the first `most` of them."""
    shown = ", ".join(list(names)[:most])
    return f"{shown}, … ({len(names)} in all)" if len(names) > most else shown


def shown(value: object) -> str:
    """A value for a message, at most 80 characters of it."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
