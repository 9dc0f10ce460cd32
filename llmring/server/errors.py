"""Errors as answers, all in the shape of `wire.ErrorAnswer`, which is OpenAI's."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from pydantic import ValidationError as PydanticValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from LLM.exceptions import InvalidRequestError, LLMError
from LLM.printable import printable
from llmring.exceptions import ConversationNotFoundError, StoreError
from local_llm_kit.server.errors import describe, error_body, retry_after_header

_logger = logging.getLogger("llmring.server")
_KINDS = {401: "authentication_error", 403: "authentication_error", 429: "rate_limit_error"}
_MAX_SHOWN_CHARS = 200


def problem(
    status: int,
    message: str,
    code: str | None = None,
    *,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer that says no."""
    kind = _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    body = to_json(error_body(message, kind, param, code))
    return Response(body, status, headers, "application/json")


def refused(status: int, message: str, code: str, param: str | None = None) -> InvalidRequestError:
    """The error for a request that cannot be done, of that status."""
    body = {"param": param} if param else None
    return InvalidRequestError(message, status_code=status, code=code, body=body)


def not_found(what: str, key: object) -> InvalidRequestError:
    """The error for what is not there, or another tenant's, which is the same to who asks."""
    return refused(404, f"no {what} {str(key)[:80]!r}; the list has all ids", "not_found")


def unfit(err: PydanticValidationError, where: str) -> InvalidRequestError:
    """The error for a body or a query that does not fit.

    :param where: ``body`` or ``query``. What was sent is not told again: it is the clients' own.
    """
    first = err.errors(include_url=False, include_context=False, include_input=False)[0]
    names = ".".join(str(part) for part in first["loc"])
    # A field's name is what the client wrote, lone surrogates included.
    param, message = (printable(text)[:_MAX_SHOWN_CHARS] for text in (names, first["msg"]))
    shown = f" at {param}" if param else ""
    return refused(400, f"the {where} cannot be used{shown}: {message}", "invalid_value", param)


async def on_error(_: Request, error: Exception) -> Response:
    """The answer to an error of ours."""
    assert isinstance(error, LLMError)
    if isinstance(error, ConversationNotFoundError):
        return problem(404, error.message, "not_found")
    if isinstance(error, StoreError):
        # Where the database is, and what ails it, is the log's to know.
        _logger.error("%s", error)
        message = "the database cannot be used now; try again later"
        return problem(503, message, "store_unavailable", headers={"retry-after": "1"})
    status, body = describe(error)
    facts = body["error"]
    headers = retry_after_header(error, status)
    return problem(status, facts["message"], facts["code"], param=facts["param"], headers=headers)


async def on_http_error(request: Request, error: Exception) -> Response:
    """The answer where the framework says no."""
    assert isinstance(error, HTTPException)
    path: str = request.scope["path"][:_MAX_SHOWN_CHARS]
    message = {
        404: f"there is nothing at {path!r}",
        405: f"{request.method} is not possible at {path!r}",
    }.get(error.status_code, error.detail)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code)
    return problem(error.status_code, message, code, headers=error.headers)


async def on_any_error(_: Request, error: Exception) -> Response:
    """The answer where the server fails."""
    _logger.error("a request failed", exc_info=error)
    return problem(500, "the server failed; its log says why", "internal_error")
