"""What speaks against an address that a key or a price is to go over."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_URL = re.compile(r"[!-~]{1,2048}")


def split(url: str) -> SplitResult | str:
    """The parts of a URL, or why it is none, to follow "which"."""
    try:
        parts = urlsplit(url)
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        return "has an invalid port or host"
    return parts if _URL.fullmatch(url) and port_ok else "is no address"


def problem(parts: SplitResult, server: str, risk: str) -> str | None:
    """Why no server should be asked there; None if one may. HTTP is for this machine alone.

    :param server: what is looked for, with its article.
    :param risk: what anyone on the way can do where nothing is encrypted.
    """
    from LLM.environment import is_loopback  # light programs do without it

    if parts.username is not None or parts.query or parts.fragment:
        return "holds a user, a query or a fragment"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"is no address of {server}"
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        return f"is not encrypted, so that anyone on the way can {risk}"
    return None
