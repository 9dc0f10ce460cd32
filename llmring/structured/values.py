"""Values of JSON that print short, however long they are. Pure."""

from __future__ import annotations

import reprlib
from fractions import Fraction
from typing import Any


class ShortText(str):
    """A text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return _SHORT.repr(self)


class ShortList(list[Any]):
    """A list."""

    __slots__ = ()

    def __repr__(self) -> str:
        return _SHORT.repr(self)


class ShortDict(dict[str, Any]):
    """An object."""

    __slots__ = ()

    def __repr__(self) -> str:
        return _SHORT.repr(self)


#: The classes of values that hold others.
CONTAINERS = frozenset({ShortDict, ShortList})


class _Short(reprlib.Repr):
    """Prints values of the classes above as those that they are made of."""

    def repr_instance(self, value: Any, level: int) -> str:
        if isinstance(value, str):
            return self.repr_str(value, level)
        if isinstance(value, list):
            return self.repr_list(value, level)
        if isinstance(value, dict):
            return self.repr_dict(value, level)
        return super().repr_instance(value, level)


_SHORT = _Short()
_SHORT.maxlevel = 3
_SHORT.maxlist = _SHORT.maxdict = 10
_SHORT.maxstring = 80


def short(value: Any) -> Any:
    """A copy of a value of JSON that prints short; whole numbers are ints in it.

    :raises RecursionError: it is nested too deep.
    """
    if isinstance(value, str):
        return ShortText(value)
    if isinstance(value, list):
        return ShortList(map(short, value))
    if isinstance(value, dict):
        return ShortDict((ShortText(name), short(one)) for name, one in value.items())
    if isinstance(value, float) and value.is_integer():
        # As it is written: the float 1e23 is not quite that.
        return int(Fraction(repr(value)))
    return value
