"""When a cassette records and when it replays, by the names that the field has for it.

Source: VCR.py's record modes, https://vcrpy.readthedocs.io/en/latest/usage.html#record-modes.
"""

from __future__ import annotations

import os
from typing import Any, Literal, get_args

from LLM.exceptions import LLMConfigError

Mode = Literal["once", "new_episodes", "none", "all", "off"]

#: What goes before the mode of every cassette.
VARIABLE = "LLM_CASSETTE"

_OTHER_NAMES: dict[str, Mode] = {"strict": "none", "record": "all"}

#: Set by whoever runs the program, and goes before the variable; None leaves it to that.
override: Mode | None = None


def checked_mode(mode: Any, name: str = "mode") -> Mode:
    """The mode of that name.

    :param name: what holds it, for the error.
    :raises LLMConfigError: there is none.
    """
    known: Mode
    for known in get_args(Mode):
        if mode in (known, *(other for other in _OTHER_NAMES if _OTHER_NAMES[other] == known)):
            return known
    names = ", ".join([*get_args(Mode), *_OTHER_NAMES])
    raise LLMConfigError(f"{name} is {mode!r}; give one of {names}")


def mode_in_force(mode: Mode) -> Mode:
    """The mode of a cassette: the override's, the environment's, or its own.

    :raises LLMConfigError: the environment's is none.
    """
    if override is not None:
        return override
    given = os.environ.get(VARIABLE)
    return checked_mode(given, VARIABLE) if given else mode
