"""Request bodies: read with a cap and a deadline, and only as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request

from LLM.exceptions import InvalidRequestError, LLMAPIError
from local_llm_kit.server.body_budget import held_body
from local_llm_kit.server.departures import disconnected
from local_llm_kit.server.errors import api_of

MAX_BODY_BYTES = 8 << 20
BODY_TIMEOUT_S = 30.0
#: Brackets and braces in a body. Each may be a Python object, and 2.7 million of them, which fit a
#: body, hold Python's lock for two seconds.
MAX_BRACKETS = 1 << 18


def _wrong(status: int, message: str, code: str) -> InvalidRequestError:
    return InvalidRequestError(message, status_code=status, code=code)


async def read_body(request: Request) -> bytes:
    """The body of a JSON request.

    :raises InvalidRequestError: no JSON by its headers, or too large: known before it is read.
    :raises LLMRateLimitError: all bodies together are too large.
    :raises LLMAPIError: it did not arrive in time.
    """
    _check_headers(request)
    held = held_body(request.scope)
    # One buffer: of a list of pieces 160 MiB stayed with the process after 60 bodies at once.
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for piece in request.stream():
                if len(body) + len(piece) > MAX_BODY_BYTES:
                    raise _too_large()
                held.add(len(piece))
                body += piece
    except TimeoutError:
        raise LLMAPIError(
            f"the body did not arrive within {BODY_TIMEOUT_S:g} seconds",
            status_code=408,
            code="request_timeout",
        ) from None
    except ClientDisconnect:
        raise disconnected() from None
    return bytes(body)


def _too_large() -> InvalidRequestError:
    return _wrong(
        413, f"the body is larger than {MAX_BODY_BYTES:,} bytes; send less", "body_too_large"
    )


def _check_headers(request: Request) -> None:
    given = request.headers.get("content-type")
    if given is None and api_of(request.scope["path"]) == "ollama":
        given = "application/json"  # litellm leaves it out; a page's request has its Origin
    kind, _, parameters = (given or "").partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        # A page of another site can send plain text unasked, but not this.
        raise _wrong(415, "the Content-Type must be application/json", "unsupported_media_type")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _wrong(
            415,
            "compressed bodies are not read; send it without Content-Encoding",
            "unsupported_media_type",
        )
    length = request.headers.get("content-length", "0")
    if length.isdigit() and (len(length) > 18 or int(length) > MAX_BODY_BYTES):
        raise _too_large()


def _strict(body: bytes) -> Any:
    return from_json(body, allow_inf_nan=False)


def parse_body(body: bytes, parse: Callable[[bytes], Any] = _strict) -> dict[str, Any]:
    """The JSON object in a body.

    :param parse: reads JSON; raises `ValueError` or `RecursionError` where it is none.
    :raises InvalidRequestError: not JSON, nested too deeply, a number too large, no object.
    """
    if body.count(b"[") + body.count(b"{") > MAX_BRACKETS:
        raise _wrong(400, f"the body has more than {MAX_BRACKETS:,} brackets", "invalid_json")
    try:
        data = parse(body)
    except (ValueError, RecursionError) as err:
        raise _wrong(400, f"the body is not valid JSON: {err}"[:500], "invalid_json") from None
    if not isinstance(data, dict):
        raise _wrong(400, "the body must be a JSON object", "invalid_json")
    return data
