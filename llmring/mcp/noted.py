"""The MCP servers that an llmring server has a note of, and what they offer.

They are only shown: a note is no word of the user's, so nobody is connected to on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel
from pydantic import ValidationError as PydanticValidationError

from llmring.conversations.remote.address import URL_VARIABLE, RemoteAddress
from llmring.conversations.remote.connection import ServerConnection
from llmring.conversations.types import MAX_PAGE
from llmring.exceptions import ConfigurationError, ServerError
from llmring.server.wire import API, MCPItem, MCPServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ModelT = TypeVar("ModelT", bound=BaseModel)
#: Most pages that are read of a list.
_MAX_PAGES = 10


class NotedServers:
    """What an llmring server has noted; use it with ``async with``.

    :param environ: names the llmring server: ``LLMRING_SERVER_URL``, ``LLMRING_API_KEY``.
    :raises ConfigurationError: it names none, or no server can be there.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = RemoteAddress.read(environ, None, None)
        if address is None:
            raise ConfigurationError(f"no llmring server is named; set {URL_VARIABLE}")
        self._connection = ServerConnection(address)
        self.url = address.url

    async def __aenter__(self) -> NotedServers:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._connection.close()

    async def servers(self) -> list[MCPServer]:
        """The servers.

        :raises ServerError: the llmring server cannot be reached, fails, or refuses the key.
        """
        return [one async for one in self._all("servers", MCPServer)]

    async def offered(self, kind: str) -> dict[UUID, list[MCPItem]]:
        """What servers offer of a kind, by the servers' ids.

        :param kind: ``tools``, ``prompts`` or ``resources``.
        :raises ServerError: as `servers`.
        """
        offered: dict[UUID, list[MCPItem]] = {}
        async for one in self._all(kind, MCPItem):
            offered.setdefault(one.server_id, []).append(one)
        return offered

    async def _all(self, what: str, kind: type[ModelT]) -> AsyncIterator[ModelT]:
        """A list, page by page."""
        for number in range(_MAX_PAGES):
            query = {"limit": MAX_PAGE, "offset": number * MAX_PAGE}
            answer = await self._connection.ask("GET", f"{API}/mcp/{what}", None, query)
            try:
                page = [kind.model_validate(one) for one in _list(answer)]
            except (PydanticValidationError, TypeError):
                # What does not fit may be long, and is in the error.
                problem = f"the list of {what} at {self.url} cannot be read; check its version"
                raise ServerError(problem) from None
            for one in page:
                yield one
            if len(page) < MAX_PAGE:
                return


def _list(answer: Any) -> list[Any]:
    if not isinstance(answer, list):
        raise TypeError("no list")
    return answer
