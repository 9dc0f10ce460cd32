"""Who may ask: the Host, the Origin and the key of a request, before anything else looks at it.

A web page that a user visits can send requests to servers on the user's machine, and by rebinding a
name of its own to 127.0.0.1 read the answers (CVE-2024-28224). Such requests carry the page's name
as Host and Origin: only names of this server pass. A server that listens beyond this machine has a
key, which such a page does not, and takes any Host.

Source: https://github.com/advisories/GHSA-5jx5-hqx5-2vrj
"""

from __future__ import annotations

import hmac
import ipaddress
import urllib.parse
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from local_llm_kit.server.errors import refusal

_LOOPBACK_NAMES = frozenset(("localhost", "127.0.0.1", "::1"))
#: Answered without a key, so that a supervisor can look whether the server is alive.
_OPEN_PATHS = frozenset((b"/health",))


class Guard:
    """ASGI middleware that lets through who may ask.

    :param app: the application behind it.
    :param api_key: the key that requests must carry; None asks for none.
    :param hosts: names under which the server may be addressed beside loopback's; None allows any.
    """

    def __init__(self, app: ASGIApp, api_key: str | None, hosts: Iterable[str] | None) -> None:
        self._app = app
        self._key = None if api_key is None else api_key.encode()
        self._hosts = None if hosts is None else _LOOPBACK_NAMES | {name.lower() for name in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            return
        refused = self._refuse_origin(scope) or self._refuse_key(scope)
        app = self._app if refused is None else refused
        await app(scope, receive, send)

    def _refuse_origin(self, scope: Scope) -> ASGIApp | None:
        hosts = _values(scope, b"host")
        if len(hosts) != 1:
            return refusal(400, "a request needs exactly one Host header")
        if not self._is_ours(hosts[0]):
            return refusal(
                403,
                "the Host header does not name this server; use the address that it listens on",
                "host_not_allowed",
            )
        for origin in _values(scope, b"origin"):
            if not self._is_ours(origin.partition("://")[2]):
                return refusal(403, "requests of other sites' pages are refused", "origin_refused")
        return None

    def _is_ours(self, authority: str) -> bool:
        if self._hosts is None:
            return True
        name = host_name(authority)
        return name is not None and (name in self._hosts or _is_loopback(name))

    def _refuse_key(self, scope: Scope) -> ASGIApp | None:
        # The raw path: what a proxy or a decoder makes of it must not open a door.
        if self._key is None or scope["raw_path"] in _OPEN_PATHS:
            return None
        given = _values(scope, b"authorization")
        scheme, _, key = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        matches = hmac.compare_digest(key.strip().encode("latin-1"), self._key)
        if matches and scheme.lower() == "bearer":
            return None
        return refusal(
            401,
            "the API key is missing or wrong; send it as 'Authorization: Bearer KEY'",
            "invalid_api_key",
            {"www-authenticate": "Bearer"},
        )


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def host_name(authority: str) -> str | None:
    """The host of ``host``, ``host:port`` or ``[address]:port``, lower case; None if malformed."""
    try:
        parts = urllib.parse.urlsplit(f"//{authority}")
        port = parts.port
    except ValueError:
        return None
    if parts.path or parts.query or parts.fragment or "@" in authority or port == 0:
        return None
    return parts.hostname.rstrip(".") if parts.hostname else None


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
