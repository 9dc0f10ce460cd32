"""Types of options: times, sizes, and names with paths."""

from __future__ import annotations

import re

import click

from LLM.exceptions import LLMConfigError
from local_llm_kit.devices import parse_budget

_SECONDS = {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|m|h|d|)")


class Duration(click.ParamType[float | None]):
    """Seconds, or a number with ``ms``, ``s``, ``m``, ``h`` or ``d``; ``forever`` is None."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        """Seconds of a text."""
        text = str(value).strip().lower()
        if text == "forever":
            return None
        if not (match := _TIME.fullmatch(text)):
            self.fail(f"{value!r} is no time; write 90, 5m, 1h or forever", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


class Size(click.ParamType[int]):
    """Bytes, or a text such as ``2GiB`` or ``500MB``."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Bytes of a text."""
        try:
            return parse_budget(str(value), None)
        except LLMConfigError:
            self.fail(f"{value!r} is no size; write bytes, 500MB or 2GiB", param, ctx)


class Adapter(click.ParamType[tuple[str, str]]):
    """A name and a path: ``NAME=PATH``."""

    name = "NAME=PATH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The name and the path."""
        name, separator, path = str(value).partition("=")
        if not (name and separator and path):
            self.fail(f"{value!r} is no adapter; write NAME=PATH", param, ctx)
        return name, path
