"""Who may ask: the key of a request, before anything looks at what it asks for.

What needs no key is told by the raw path: what a proxy or a decoder makes of it opens no door. A
route that needs a tenant asks for one again, so that a path that slips through finds nothing.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from LLM.exceptions import LLMError
from llmring.server.errors import on_error, problem, refused
from llmring.server.keys import Caller
from llmring.server.page import open_paths
from llmring.server.service import Service
from llmring.server.wire import API, HEALTH, REGISTRY
from local_llm_kit.server.guard import given_key

_CALLER = "llmring.caller"
_KEYS = frozenset((f"{API}/keys".encode(), f"{API}/keys/".encode()))
_OPEN = frozenset((HEALTH.encode(), REGISTRY.encode(), f"{REGISTRY}/".encode())) | open_paths()
_OPEN_BELOW = f"{REGISTRY}/".encode()
#: What proxies add: who comes through one may not be on this machine.
_FORWARDED = frozenset((b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"))
#: Who makes the very first key.
FIRST = Caller()


class Access:
    """Lets requests through that carry a key, and those that need none.

    :param app: answers them.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        path: bytes = scope["raw_path"]
        answer: ASGIApp = self._app
        if path not in _OPEN and not path.startswith(_OPEN_BELOW):
            try:
                caller = await self._caller(scope)
            except LLMError as err:
                answer = await on_error(Request(scope), err)
            else:
                if caller is None:
                    answer = _no_key()
                else:
                    scope[_CALLER] = caller
        await answer(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller | None:
        key = given_key(scope)
        if key:
            async with self._service.gate:
                return await self._service.keyring.caller(key)
        is_first = scope["method"] == "POST" and scope["raw_path"] in _KEYS
        may = self._service.makes_first_key and not _is_forwarded(scope)
        return FIRST if is_first and may else None


def caller_of(scope: Scope) -> Caller:
    """Who asks.

    :raises InvalidRequestError: nobody that is known.
    """
    caller: Caller | None = scope.get(_CALLER)
    if caller is None:
        raise refused(401, "the API key is missing or wrong", "invalid_api_key")
    return caller


def _is_forwarded(scope: Scope) -> bool:
    return any(name in _FORWARDED for name, _ in scope["headers"])


def _no_key() -> ASGIApp:
    return problem(
        401,
        "the API key is missing or wrong; send it as 'Authorization: Bearer KEY'",
        "invalid_api_key",
        headers={"www-authenticate": "Bearer"},
    )
