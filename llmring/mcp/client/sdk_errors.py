"""Errors of the SDK and of what it stands on, read: what failed, and whether a connection ended."""

from __future__ import annotations

from collections.abc import Iterator

from LLM.error_response import excerpt


def root(error: BaseException) -> BaseException:
    """The first error of those that a group of the SDK's tasks ended by."""
    return next(_leaves(error), error)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error


def code_of(error: BaseException | None) -> int | None:
    """The JSON-RPC code of a server's error; None for an error of another kind."""
    from mcp.shared.exceptions import MCPError

    return error.code if isinstance(error, MCPError) else None


def is_closed(error: BaseException | None) -> bool:
    """Whether a request failed because the connection has ended."""
    from mcp import types

    return code_of(error) == types.CONNECTION_CLOSED


def knows_no_handshake(error: BaseException) -> bool:
    """Whether a server's error says that it knows no ``initialize``."""
    from mcp import types

    return code_of(root(error)) in (types.METHOD_NOT_FOUND, types.UNSUPPORTED_PROTOCOL_VERSION)


def hides_status(code: int | None) -> bool:
    """Whether the SDK may have put an error of this code in place of an HTTP status."""
    from mcp import types

    return code in (types.INTERNAL_ERROR, types.METHOD_NOT_FOUND, types.INVALID_REQUEST)


def reason(error: BaseException, status: int | None) -> str:
    """Why something failed, on one line.

    :param status: the HTTP status of a refusal; None for anything else.
    """
    said = excerpt(str(error))
    if status is not None:
        hint = "; its headers must hold a key that it takes" if status in (401, 403) else ""
        return f"HTTP {status}: {said}{hint}"
    if isinstance(error, FileNotFoundError):
        return f"no such program or folder: {error.filename!r}"
    return said if code_of(error) is not None and said else f"{type(error).__name__}: {said}"
