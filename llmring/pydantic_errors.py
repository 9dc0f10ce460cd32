"""What pydantic found wrong, in one line. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


def problems(err: ValidationError) -> list[str]:
    """What is wrong with each field, its path first; never the values, which people have said."""
    found = err.errors(include_url=False, include_context=False, include_input=False)
    return [": ".join(filter(None, (".".join(map(str, one["loc"])), one["msg"]))) for one in found]


def first_problem(err: ValidationError) -> str:
    """The first of `problems`."""
    return problems(err)[0]
