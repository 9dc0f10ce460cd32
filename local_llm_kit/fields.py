"""Reading the fields of a request: each is taken once, checked, and named when it is wrong."""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from LLM.exceptions import InvalidRequestError

#: No number of tokens, and no token id, is larger.
MAX_TOKENS = 1 << 24


def invalid(param: str | None, message: str, code: str | None = None) -> InvalidRequestError:
    """The error for an argument, with the body that a server answers with."""
    body = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return InvalidRequestError(message, status_code=400, body=body, code=code)


def unsupported(param: str, message: str) -> InvalidRequestError:
    """The error for an argument that is understood and cannot be honoured."""
    return invalid(param, message, "unsupported_parameter")


def kind_of(value: Any) -> str:
    """How to call a wrong value without showing it: it may be a prompt."""
    names = {bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), f"{type(value).__name__}")


def quoted(value: Any, otherwise: str = "missing or no text") -> str:
    """A wrong type or role as errors show it: its beginning, for it may be a prompt.

    :param otherwise: what is said of one that is no text.
    """
    return repr(value[:40]) if isinstance(value, str) else otherwise


def refuse_unknown(where: str, given: Iterable[Any], known: Collection[str]) -> None:
    """Refuse fields of an object that nobody knows.

    :param given: names of the object's fields.
    :raises InvalidRequestError: names the object, and the first of them.
    """
    unknown = sorted(str(name) for name in given if name not in known)
    if unknown:
        raise invalid(where, f"{where} has the unknown field {unknown[0][:80]!r}")


def shown(number: float) -> str:
    """A number as it is written; one of thousands of digits is none to show."""
    return "too large" if isinstance(number, int) and abs(number) >= 1 << 64 else repr(number)


def check_text(name: str, text: str) -> None:
    """Refuse text that is not Unicode: half of a surrogate pair.

    :raises InvalidRequestError: names the argument.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise invalid(name, f"{name} holds half of a surrogate pair, which is not text") from None


def checked_text(name: str, value: Any) -> str:
    """A text.

    :raises InvalidRequestError: it is something else; names the argument.
    """
    if not isinstance(value, str):
        raise invalid(name, f"{name} must be text, not {kind_of(value)}")
    check_text(name, value)
    return value


def token_ids(name: str, value: Any) -> list[int]:
    """Token ids, of any sequence of whole numbers; whether a model has them is not asked.

    :raises InvalidRequestError: they are something else; names the argument.
    """
    try:
        return [operator.index(one) for one in value]
    except TypeError:
        raise invalid(name, f"{name} must be a list of token ids") from None


def texts_or_tokens(name: str, value: Any, most: int) -> list[str | list[int]]:
    """What is to be read: a text, a list of texts, a list of token ids, or a list of those.

    :param most: of them in a list.
    :raises InvalidRequestError: names the argument and the place in it.
    """
    if isinstance(value, str) or (isinstance(value, list) and value and _is_token(value[0])):
        value = [value]
    if not isinstance(value, (list, tuple)) or not 0 < len(value) <= most:
        raise invalid(name, f"{name} must be a text, or a list of 1 to {most:,} of them")
    for i, one in enumerate(value):
        if isinstance(one, str):
            check_text(f"{name}[{i}]", one)
        elif not (isinstance(one, list) and one and all(map(_is_token, one))):
            raise invalid(name, f"{name}[{i}] must be a text or a list of token ids")
    return list(value)


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_TOKENS


class Fields:
    """Takes arguments out of a body one by one; what is left at the end is unknown.

    None means the same as leaving the argument out.

    :ivar ignored: names of arguments that were taken and have no effect.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._left = {name: value for name, value in body.items() if value is not None}
        self._known: set[str] = set()
        self.ignored: list[str] = []

    def take(self, name: str) -> Any:
        """The argument; None where it was left out."""
        self._known.add(name)
        return self._left.pop(name, None)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A finite number from `low` to `high`."""
        value = self.take(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise invalid(name, f"{name} must be a number, not {kind_of(value)}")
        if not (low <= value <= high and math.isfinite(value)):
            raise invalid(name, f"{name} is {shown(value)}; it must be from {low:g} to {high:g}")
        return float(value)

    def integer(self, name: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid(name, f"{name} must be a whole number, not {kind_of(value)}")
        if not low <= value <= high:
            raise invalid(name, f"{name} is {shown(value)}; it must be from {low:,} to {high:,}")
        return value

    def flag(self, name: str) -> bool | None:
        """True, False, or None where it was left out."""
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise invalid(name, f"{name} must be true or false, not {kind_of(value)}")
        return value

    def text(self, name: str) -> str | None:
        """A text."""
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise invalid(name, f"{name} must be text, not {kind_of(value)}")
        return value

    def done(self, advice: Mapping[str, str]) -> None:
        """Refuse what is left.

        :param advice: what to do instead, for arguments that people use and that are not honoured.
        :raises InvalidRequestError: names the argument.
        """
        for name in self._left:
            if name in advice:
                raise unsupported(name, f"{name} is not supported; {advice[name]}")
            near = difflib.get_close_matches(name[:80], sorted(self._known), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise invalid(name, f"unknown argument {name[:80]!r}{hint}", "unknown_parameter")
