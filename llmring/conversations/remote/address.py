"""Where the llmring server is, and the key that goes there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from LLM.secrets import MASK, Secret
from llmring import http_address
from llmring.exceptions import ConfigurationError

#: Names the server.
URL_VARIABLE = "LLMRING_SERVER_URL"
#: Holds its key.
KEY_VARIABLE = "LLMRING_API_KEY"
_PATH = "/api/v1"
_MAX_KEY_CHARS = 1000


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """A server and our key for it.

    :param url: without a slash at its end.
    :param api_key: None sends none.
    """

    url: str
    api_key: Secret | None

    @classmethod
    def read(
        cls, environ: Mapping[str, str], server_url: str | None, api_key: str | None
    ) -> Self | None:
        """The server that is given, else the one that the environment names; None for none.

        The environment's key goes to no other server than the environment's, where it names one.

        :param server_url: None takes ``LLMRING_SERVER_URL``.
        :param api_key: None takes ``LLMRING_API_KEY``.
        :raises ConfigurationError: no server can be there, or the key cannot be one.
        """
        named = environ.get(URL_VARIABLE, "").strip()
        source = "server_url" if server_url is not None else URL_VARIABLE
        given = server_url if server_url is not None else named
        if server_url is None and not named:
            return None
        url = _checked_url(given, source)
        if api_key is not None:
            return cls(url, _checked_key(api_key, "api_key"))
        own = environ.get(KEY_VARIABLE, "").strip()
        if not own or (named and _origin(named) != _origin(url)):
            return cls(url, None)
        return cls(url, _checked_key(own, KEY_VARIABLE))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return url, None, None
    return parts.scheme, parts.hostname, port


def _checked_url(url: object, source: str) -> str:
    if not isinstance(url, str):
        raise ConfigurationError(f"{source} is a {type(url).__name__}; give the address as text")
    if problem := _problem(url):
        shown = re.sub(r"//[^/]*@", "//***@", url)[:200].partition("?")[0]
        raise ConfigurationError(
            f"{source} is {shown!r}, which {problem}; give https://HOST, or http://127.0.0.1:PORT "
            "on this machine"
        )
    # Who copies an address from an example of HTTP means the same server.
    return url.rstrip("/").removesuffix(_PATH).rstrip("/")


def _problem(url: str) -> str | None:
    parts = http_address.split(url)
    if isinstance(parts, str):
        return parts
    return http_address.problem(parts, "a server", "read the key and what is said")


def _checked_key(key: object, source: str) -> Secret:
    """The key; it stands in no message."""
    if hasattr(key, "get_secret_value"):
        key = key.get_secret_value()
    if not isinstance(key, str):
        raise ConfigurationError(f"{source} is a {type(key).__name__}; give the key as text")
    if not key or len(key) > _MAX_KEY_CHARS:
        raise ConfigurationError(f"{source} is empty or too long; give the key, or None for none")
    # "".join: str() of a Secret is its mask.
    text = "".join(key)
    if text == MASK or not text.isascii() or not text.isprintable() or text != text.strip():
        raise ConfigurationError(
            f"{source} holds what no HTTP header can carry, such as a line break; copy it again"
        )
    return Secret(text)
