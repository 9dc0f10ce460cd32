"""Checked reading of nested values: what is wrong is named by its place, and never shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from LLM.exceptions import InvalidRequestError
from local_llm_kit.fields import invalid, kind_of
from local_llm_kit.messages import MAX_MESSAGES, MAX_NAME_CHARS

#: Marks what Anthropic's servers may cache. Here every prompt's beginning is.
CACHE_CONTROL = "cache_control"


def _wrong(where: str, wanted: str, value: Any) -> InvalidRequestError:
    found = "is missing; it" if value is None else f"is {kind_of(value)} and"
    return invalid(where, f"{where} {found} must be {wanted}")


def an_object(where: str, value: Any) -> Mapping[str, Any]:
    """An object.

    :raises InvalidRequestError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise _wrong(where, "an object", value)
    return value


def a_list(where: str, value: Any, most: int = MAX_MESSAGES) -> Sequence[Any]:
    """A list of at most `most`.

    :raises InvalidRequestError: it is something else, or longer.
    """
    if not isinstance(value, list):
        raise _wrong(where, "a list", value)
    if len(value) > most:
        raise invalid(where, f"{where} has {len(value):,} entries; give at most {most:,}")
    return value


def blocks_of(where: str, content: Any) -> Sequence[Any]:
    """The blocks of a content, for which a text may stand.

    :raises InvalidRequestError: it is something else, or a list too long.
    """
    if isinstance(content, str):
        return ({"type": "text", "text": content},)
    if not isinstance(content, list):
        raise _wrong(where, "a text or a list of blocks", content)
    return a_list(where, content)


def a_text(where: str, value: Any) -> str:
    """A text.

    :raises InvalidRequestError: it is something else.
    """
    if not isinstance(value, str):
        raise _wrong(where, "a text", value)
    return value


def a_name(where: str, value: Any) -> str:
    """A short text that is not empty.

    :raises InvalidRequestError: it is something else.
    """
    if not 0 < len(a_text(where, value)) <= MAX_NAME_CHARS:
        raise invalid(where, f"{where} must have 1 to {MAX_NAME_CHARS} characters")
    return str(value)


def a_flag(where: str, value: Any) -> bool:
    """True or False; None is False.

    :raises InvalidRequestError: it is something else.
    """
    if not isinstance(value, bool | None):
        raise _wrong(where, "true or false", value)
    return bool(value)


def given(where: str, value: Any, known: Collection[str]) -> dict[str, Any]:
    """The fields of an object that were given, None being the same as nothing.

    :param known: the fields that it may have beside its `type` and its mark for the cache.
    :raises InvalidRequestError: it is no object, or has another field.
    """
    found = {name: one for name, one in an_object(where, value).items() if one is not None}
    found.pop(CACHE_CONTROL, None)
    for name in found:
        if name not in known and name != "type":
            raise invalid(f"{where}.{name[:80]}", f"{where} has the unknown field {name[:80]!r}")
    return found
