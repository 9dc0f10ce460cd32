"""What comes from a server, before the SDK makes objects of it.

A message of 32 MB may hold a million lists and objects, of which the SDK makes two gigabytes of its
own in 20 s, while nothing else of the event loop runs. Such a message becomes an error.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from mcp.shared.message import SessionMessage

#: Most lists and objects of one message; the SDK takes some 20 µs for each.
MAX_CONTAINERS = 100_000


class Incoming:
    """A connection's stream of messages, without those that hold too much.

    :param stream: the transport's.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    @property
    def last_context(self) -> Any:
        """The context in which the last message was sent, where the transport keeps it."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        """The next message, or an error of the transport."""
        return _checked(await self._stream.receive())

    async def aclose(self) -> None:
        """End the stream."""
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        return _checked(await anext(self._stream))

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stream.__aexit__(kind, error, traceback)


def _checked(item: SessionMessage | Exception) -> SessionMessage | Exception:
    if isinstance(item, Exception) or not _is_too_much(_payload(item.message)):
        return item
    from mcp import types
    from mcp.shared.message import SessionMessage

    problem = f"a message of more than {MAX_CONTAINERS:,} lists and objects"
    if not isinstance(item.message, types.JSONRPCResponse | types.JSONRPCError):
        return ValueError(problem)
    error = types.ErrorData(code=types.PARSE_ERROR, message=f"the answer was {problem}")
    return SessionMessage(types.JSONRPCError(jsonrpc="2.0", id=item.message.id, error=error))


def _payload(message: Any) -> Any:
    """The part of a message that is any JSON."""
    if (error := getattr(message, "error", None)) is not None:
        return error.data
    return getattr(message, "result", None) or getattr(message, "params", None)


def _is_too_much(value: Any) -> bool:
    """Whether a value holds more than `MAX_CONTAINERS` lists and objects. It does not recurse."""
    left, room = [value], MAX_CONTAINERS
    while left:
        outer = left.pop()
        if isinstance(outer, dict | list):
            room -= 1
            if room < 0:
                return True
            inner = outer.values() if isinstance(outer, dict) else outer
            left += [one for one in inner if isinstance(one, dict | list)]
    return False
