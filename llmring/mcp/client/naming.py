"""Names of tools that every provider takes: legal, of bounded length, and each one once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

#: Most characters of a tool's name. Source: OpenAI's and Anthropic's function names.
MAX_CHARS = 64
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")
_DIGEST_CHARS = 8


def legal_names(names: Iterable[str], prefix: str = "") -> dict[str, str]:
    """What each tool of a server is called for a model.

    A name that is legal stays; one that is not, or that another has, ends in a digest of what it
    was, so that it is the same at each connection whatever else the server offers.

    :param names: the server's names, each once.
    :param prefix: put before each; legal itself, and at most 32 characters.
    :return: the server's name to the model's.
    """
    known = list(names)
    given = {name: prefix + name for name in known if name and _is_legal(prefix + name)}
    # A legal name can only meet one that was made here, and then keeps it.
    taken = set(given.values())
    for name in known:
        if name not in given:
            given[name] = _made(prefix, name, taken)
            taken.add(given[name])
    return given


def _is_legal(name: str) -> bool:
    return len(name) <= MAX_CHARS and not _ILLEGAL.search(name)


def _made(prefix: str, name: str, taken: set[str]) -> str:
    plain = _ILLEGAL.sub("_", name)
    for attempt in range(len(taken) + 1):
        salt = f"{name}\0{attempt}" if attempt else name
        # A name may hold a lone surrogate.
        digest = hashlib.sha256(salt.encode(errors="surrogatepass")).hexdigest()[:_DIGEST_CHARS]
        kept = plain[: MAX_CHARS - len(prefix) - _DIGEST_CHARS - 1]
        made = f"{prefix}{kept}_{digest}"
        if made not in taken:
            return made
    raise AssertionError("more names than were taken are tried")
