"""JSON as it comes, and as it goes out: lone surrogates, which models do write, go through.

UTF-8 has none of them, JSON's escapes do. pydantic's parser, which is fast, and stops at 200 levels
and at numbers without end, refuses such escapes; Python's own is asked then.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

from pydantic_core import from_json
from starlette.requests import Request

from llmring.server.errors import refused
from local_llm_kit.server.body import parse_body, read_body

#: Levels of lists and objects in a body.
MAX_DEPTH = 100


async def json_body(request: Request) -> dict[str, Any]:
    """The JSON object of a request's body; none at all is an empty one.

    :raises LLMError: it is none, too large, or does not arrive.
    """
    has_none = request.headers.get("content-length", "0") == "0"
    if has_none and "transfer-encoding" not in request.headers:
        return {}
    return parsed(await read_body(request))


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    :raises InvalidRequestError: not JSON, nested too deeply, a number too large, no object.
    """
    data = parse_body(body, _value)
    if _depth_exceeds(data, MAX_DEPTH):
        raise refused(400, f"the body has more than {MAX_DEPTH} levels", "invalid_json")
    return data


def _value(body: bytes) -> Any:
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError:
        if rb"\u" not in body:
            raise
    return json.loads(body.decode("utf-8"), parse_constant=_no_number, parse_float=_finite)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is out of range")
    return number


def _depth_exceeds(value: Any, limit: int) -> bool:
    """Whether containers stand in one another more than `limit` deep. It does not recurse."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def written(value: Any) -> bytes:
    """JSON in ASCII.

    :param value: as `model_dump` gives it; its own JSON loses lone surrogates in names of fields.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), default=_as_text)
    return text.encode("ascii")


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"an answer holds a {type(value).__name__}")
