"""Cross-origin requests: which sites' pages may read the answers, told to their browsers.

A browser keeps an answer from a page of another site unless the answer names that page's origin.
No origin is named unless the server was told of it, and none is let in with cookies, of which there
are none here: a page that may ask and needs a key has to know it.

Source: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.responses import Response

from LLM.exceptions import LLMConfigError

Header = tuple[bytes, bytes]

#: Pages of apps have schemes of their own, such as ``app://obsidian.md``.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_ANY = "*"
#: Seconds for which a browser need not ask again before each request.
_MAX_AGE_S = 600
_VARY = (b"vary", b"origin")
#: What a page may read beside the body; browsers hide all but a few headers otherwise.
_EXPOSED = (b"access-control-expose-headers", b"x-request-id, request-id, retry-after")


class CrossOrigin:
    """Tells browsers which pages may read the answers.

    :param origins: as `ServerOptions.cors_origins`.
    :param has_key: whether requests must carry a key.
    :raises LLMConfigError: one is no origin, or all are let in where there is no key.
    """

    def __init__(self, origins: Sequence[str] = (), *, has_key: bool = False) -> None:
        for origin in origins:
            _check_origin(origin)
        self._any = _ANY in origins
        self._origins = frozenset(one.lower() for one in origins)
        if self._any and not has_key:
            raise LLMConfigError(
                "cors_origins is '*' and there is no API key: every site that somebody visits "
                "could use the models; name the origins, or give a key"
            )

    def allows(self, origin: str) -> bool:
        """Whether pages of an origin may read the answers."""
        return self._any or origin in self._origins

    def marks(self, origin: str | None) -> list[Header]:
        """Headers for the answer to a request.

        :param origin: the request's; None where it has none.
        """
        if not self._origins:
            return []
        if origin is None or not self.allows(origin):
            return [] if self._any else [_VARY]
        if self._any:
            return [(b"access-control-allow-origin", b"*"), _EXPOSED]
        return [(b"access-control-allow-origin", origin.encode("latin-1")), _VARY, _EXPOSED]

    @staticmethod
    def preflight() -> Response:
        """The answer to a browser that asks before it sends a request."""
        headers = {
            "access-control-allow-methods": "GET, POST, DELETE",
            # The star does not stand for Authorization; SDKs send many headers of their own.
            "access-control-allow-headers": "authorization, *",
            "access-control-max-age": str(_MAX_AGE_S),
        }
        return Response(status_code=204, headers=headers)


def _check_origin(origin: str) -> None:
    if origin != _ANY and not _ORIGIN.fullmatch(origin.lower()):
        raise LLMConfigError(
            f"cors_origins has {origin!r}, which is no origin; give 'https://host', with the port "
            "where there is one and nothing behind it, or '*'"
        )
