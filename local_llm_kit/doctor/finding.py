"""What the doctor says about one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: ``note`` is something that may well be so; ``warn`` costs something; ``fail`` does not work.
Status = Literal["ok", "note", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a diagnosis.

    :param section: what it is about: ``packages``, ``back ends``, ``machine``, ``models``,
        ``settings``, ``servers``.
    :param name: the thing, in a word or two.
    :param text: what was found.
    :param fix: a command, or what else to do; None where nothing has to be done.
    """

    section: str
    name: str
    status: Status
    text: str
    fix: str | None = None


def counted(n: int, noun: str) -> str:
    """A number of things in words: ``1 model``, ``2 models``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
