"""Who may ask: the Host, the Origin and the key of a request, before anything else looks at it.

A web page that a user visits can send requests to servers on the user's machine, and by rebinding a
name of its own to 127.0.0.1 read the answers (CVE-2024-28224). Such requests carry the page's name
as Host and Origin: only names of this server pass, and origins that it was told of. A server that
listens beyond this machine has a key, which such a page does not, and takes any Host unless it was
told which.

Source: https://github.com/advisories/GHSA-5jx5-hqx5-2vrj
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Scope

from local_llm_kit.server.cors import CrossOrigin
from local_llm_kit.server.errors import refusal
from local_llm_kit.server.owners import set_owner

#: ``host:port`` or ``[address]:port``. `urllib.parse` takes ``[::1].evil.com`` for ``::1``.
_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([0-9a-z._~-]+))(?::([0-9]{0,5}))?", re.ASCII)
_LOOPBACK_NAMES = frozenset(("localhost", "127.0.0.1", "::1"))
#: Answered without a key, so that a supervisor can look whether the server is alive.
_HEALTH = b"/health"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask a server.

    :param api_keys: requests must carry one of these; with none, no key is asked for.
    :param hosts: names under which the server may be addressed beside loopback's; None allows any.
    :param open_paths: answered without a key, besides the health.
    :param cors_origins: origins whose pages may ask and read the answers.
    :param origin_advice: what the refusal of another site's page adds.
    """

    api_keys: tuple[str, ...] = ()
    hosts: frozenset[str] | None = frozenset()
    open_paths: frozenset[bytes] = frozenset()
    cors_origins: tuple[str, ...] = ()
    origin_advice: str = "; whoever runs the server can let an origin in (--cors-origin)"


class Guard:
    """Tells who may not ask.

    :param access: who may.
    :raises LLMConfigError: it lets pages in that it should not.
    """

    def __init__(self, access: Access) -> None:
        self._keys = [key.encode() for key in access.api_keys]
        names = access.hosts
        self._hosts = None if names is None else _LOOPBACK_NAMES | {one.lower() for one in names}
        self._origin_advice = access.origin_advice
        self._open_paths = access.open_paths | {_HEALTH}
        self.cross_origin = CrossOrigin(access.cors_origins, has_key=bool(access.api_keys))

    def answer(self, scope: Scope) -> Response | None:
        """The answer to a request that goes no further: a refusal, or what a browser asked first.

        :return: None lets the request through.
        """
        refused = self._refuse_host(scope) or self._refuse_origin(scope)
        if refused is not None:
            return refused
        if self._is_preflight(scope):
            return self.cross_origin.preflight()
        return self._refuse_key(scope)

    def _refuse_host(self, scope: Scope) -> Response | None:
        path, hosts = scope["path"], _values(scope, b"host")
        if len(hosts) != 1:
            return refusal(path, 400, "a request needs exactly one Host header")
        if not self._is_ours(hosts[0]):
            return refusal(
                path,
                403,
                "the Host header does not name this server; use the address that it listens on",
                "host_not_allowed",
            )
        return None

    def _refuse_origin(self, scope: Scope) -> Response | None:
        origins = _values(scope, b"origin")
        if not origins and self._is_embedded(scope):
            message = "requests that other sites' pages make in the background are refused"
            return refusal(scope["path"], 403, message, "origin_refused")
        for origin in origins:
            if not (self._is_ours(origin.partition("://")[2]) or self.cross_origin.allows(origin)):
                message = f"requests of other sites' pages are refused{self._origin_advice}"
                return refusal(scope["path"], 403, message, "origin_refused")
        return None

    @staticmethod
    def _is_embedded(scope: Scope) -> bool:
        """Whether a page of another site has a script or an image here: that names no origin."""
        site, mode = (_values(scope, b"sec-fetch-" + name) for name in (b"site", b"mode"))
        return site == ["cross-site"] and mode != ["navigate"]

    def _is_preflight(self, scope: Scope) -> bool:
        """Whether a browser asks, without the key, if an allowed page may send its request."""
        if scope["method"] != "OPTIONS":
            return False
        origin = origin_of(scope)
        asks = bool(_values(scope, b"access-control-request-method"))
        return asks and origin is not None and self.cross_origin.allows(origin)

    def _is_ours(self, authority: str) -> bool:
        if self._hosts is None:
            return True
        name = host_name(authority)
        return name is not None and (name in self._hosts or _is_loopback(name))

    def _refuse_key(self, scope: Scope) -> Response | None:
        # The raw path: what a proxy or a decoder makes of it must not open a door.
        if not self._keys or scope["raw_path"] in self._open_paths:
            return None
        given = given_key(scope)
        # Every key is compared, each in constant time: the time tells nothing.
        matches = [hmac.compare_digest(given, key) for key in self._keys]
        if given and any(matches):
            set_owner(scope, matches.index(True))
            return None
        return refusal(
            scope["path"],
            401,
            "the API key is missing or wrong; send it as 'Authorization: Bearer KEY'",
            "invalid_api_key",
            {"www-authenticate": "Bearer"},
        )


def given_key(scope: Scope) -> bytes:
    """The key that a request carries, as OpenAI's or as Anthropic's clients send it."""
    bearers, keys = _values(scope, b"authorization"), _values(scope, b"x-api-key")
    if len(bearers) > 1 or len(keys) > 1:
        return b""
    if bearers:
        scheme, _, key = bearers[0].partition(" ")
        return key.strip().encode("latin-1") if scheme.lower() == "bearer" else b""
    return keys[0].strip().encode("latin-1") if keys else b""


def origin_of(scope: Scope) -> str | None:
    """The origin of the page that sent a request; None where it names none, or several."""
    origins = _values(scope, b"origin")
    return origins[0] if len(origins) == 1 else None


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def host_name(authority: str) -> str | None:
    """The host of ``host``, ``host:port`` or ``[address]:port``, lower case; None if malformed."""
    found = _AUTHORITY.fullmatch(authority.lower())
    if found is None:
        return None
    address, name, port = found.groups()
    if port and not 0 < int(port) < 1 << 16:
        return None
    return address or name.rstrip(".") or None


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
