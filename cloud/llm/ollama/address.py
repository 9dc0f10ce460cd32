"""Where an Ollama server is, from the several ways in which people write it. Pure.

Source: Ollama's envconfig.Host and the `_parse_host` of its Python library.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from LLM.exceptions import LLMConfigError

_DEFAULT_PORT = 11434
_SCHEME_PORTS = {"http": 80, "https": 443}
#: A server listens there on all interfaces; nobody can be reached there.
_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}
#: What people paste with the address: the OpenAI form of it, and the beginning of Ollama's paths.
_PASTED = ("/v1", "/api")


def base_url_of(base_url: str | None, environ: Mapping[str, str], default: str) -> str:
    """The address to use.

    :param base_url: as given by the caller; without a scheme it is read like ``OLLAMA_HOST``. None
        takes ``OLLAMA_HOST``, else ``OLLAMA_BASE_URL``, else `default`.
    :param environ: the environment.
    :raises LLMConfigError: it is no address; the message names where it comes from.
    """
    if base_url is not None:
        return base_url if "://" in base_url else parsed_host(base_url, "base_url")
    for name in ("OLLAMA_HOST", "OLLAMA_BASE_URL"):
        if host := environ.get(name, "").strip().strip("\"'"):
            return parsed_host(host, name)
    return default


def api_root(base_url: str) -> str:
    """The address that paths are added to: one that ends in ``/v1`` or ``/api`` ends before it."""
    url = base_url.rstrip("/")
    for end in _PASTED:
        if url.endswith(end):
            return url.removesuffix(end).rstrip("/")
    return url


def parsed_host(host: str, name: str = "OLLAMA_HOST") -> str:
    """The URL that ``OLLAMA_HOST`` means.

    :param host: host, port and path, each of which may be missing, with or without a scheme. The
        port is 11434 without a scheme, with one 80 or 443.
    :param name: where it comes from, for the message.
    :raises LLMConfigError: it is no address.
    """
    scheme, has_scheme, rest = host.partition("://")
    if not has_scheme:
        # Ollama's own cloud answers on TLS only.
        scheme, rest = "https" if host == "ollama.com" else "http", _bracketed(host)
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        port = parts.port
    except ValueError:
        raise _bad_host(host, name) from None
    if scheme not in _SCHEME_PORTS or parts.username is not None or parts.password is not None:
        raise _bad_host(host, name)
    hostname = parts.hostname or "127.0.0.1"
    hostname = _bracketed(_UNSPECIFIED.get(hostname, hostname))
    if port is None:
        is_plain = not has_scheme and scheme == "http"
        port = _DEFAULT_PORT if is_plain else _SCHEME_PORTS[scheme]
    path = parts.path.strip("/")
    return f"{scheme}://{hostname}:{port}" + (f"/{path}" if path else "")


def _bracketed(host: str) -> str:
    """`host`, in brackets where it is an IPv6 address without."""
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host


def _bad_host(host: str, name: str) -> LLMConfigError:
    # What stands before an @ may be a password.
    shown = "an address with a user" if "@" in host else repr(host)
    return LLMConfigError(
        f"{name} is {shown}, which names no server; give a host and port such as "
        "'127.0.0.1:11434', or a URL"
    )
