"""Tool calls of answers, for APIs that tell their arguments as objects."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from LLM.exceptions import LLMServerError
from local_llm_kit.backends import JSONObject


def call_arguments(name: str, text: str, *, allow_partial: bool = False) -> JSONObject:
    """The arguments of a call, as the object that their text is.

    :param text: as the model wrote them; empty for none.
    :param allow_partial: take as much as there is of a text that was cut short.
    :raises LLMServerError: it is no JSON object. A lone surrogate's escape is no JSON either: it
        could not be told again.
    """
    try:
        found: Any = from_json(text or "{}", allow_partial=allow_partial)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise LLMServerError(
            f"the model called {name!r} with what is no JSON object", status_code=500
        )
    return found
