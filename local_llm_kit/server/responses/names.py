"""Errors about the chat completion behind a response, told by the names that this API has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from LLM.exceptions import InvalidRequestError

_CHAT_NAMES = (
    (re.compile(r"response_format(\.json_schema)?"), "text.format"),
    (re.compile(r"\bmax_tokens\b"), "max_output_tokens"),
    (re.compile(r"(tools\[\d+\])\.function\b"), r"\1"),
    (re.compile(r"\bmessages\[\d+\](\.content)?(\[\d+\])?"), "input"),
    (re.compile(r"\bmessages\b"), "input"),
)


@contextmanager
def own_names() -> Iterator[None]:
    """Errors about fields of a chat completion name those of this API instead.

    :raises InvalidRequestError: as it was raised, but for the names.
    """
    try:
        yield
    except InvalidRequestError as err:
        body = err.body if isinstance(err.body, dict) else {}
        param = body.get("param")
        for pattern, name in _CHAT_NAMES:
            err.message = pattern.sub(name, err.message)
            param = pattern.sub(name, param) if isinstance(param, str) else param
        err.args = (err.message,)
        err.body = {**body, "message": err.message, "param": param}
        raise
