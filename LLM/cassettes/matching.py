"""Which recorded request a request is, and which one comes nearest to one that was not recorded.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from difflib import unified_diff
from itertools import islice
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from LLM.cassettes.contents import JSONObject, canonical
from LLM.cassettes.interactions import Interaction
from LLM.environment import is_loopback
from LLM.exceptions import LLMConfigError

Part = Literal["method", "host", "path", "query", "body"]
Key = tuple[str, ...]

#: What two requests must have in common to be the same.
ALL_PARTS: tuple[Part, ...] = get_args(Part)

# A diff of more lines takes seconds, and nobody reads it.
_MAX_COMPARED_LINES = 2000
_MAX_DIFF_LINES = 24
_MAX_LINE_CHARS = 120


def checked_parts(parts: Any) -> tuple[Part, ...]:
    """:raises LLMConfigError: one is no part of a request, or there is none."""
    is_list = isinstance(parts, Collection) and not isinstance(parts, str)
    if not is_list or not parts or not all(part in ALL_PARTS for part in parts):
        raise LLMConfigError(
            f"match_on is {parts!r}; give some of {', '.join(map(repr, ALL_PARTS))}"
        )
    return tuple(part for part in ALL_PARTS if part in parts)


def key_of(request: JSONObject, parts: Iterable[Part]) -> Key:
    """What a request is known by.

    The host of this machine has no port: servers of tests have another one in each run.
    """
    url = urlsplit(request["url"])
    host = f"{url.scheme}://{url.netloc.lower()}"
    if is_loopback(url.hostname or ""):
        host = "localhost"
    known: dict[Part, Callable[[], str]] = {
        "method": lambda: str(request["method"]),
        "host": lambda: host,
        "path": lambda: url.path,
        "query": lambda: "&".join(sorted(url.query.split("&"))),
        "body": lambda: canonical(request),
    }
    return tuple(known[part]() for part in parts)


def miss(request: JSONObject, recorded: Collection[Interaction], *, used: bool) -> str:
    """What a request that was not recorded is told.

    :param request: without keys.
    :param used: it was recorded, and each of its answers has been given.
    """
    name = f"{request['method']} {request['url']}"
    if used:
        return f"all its recorded answers to {name} have been given; allow_repeats gives the last"
    if not recorded:
        return f"it has no answers, and so none to {name}"
    nearest = min(recorded, key=lambda one: _distance(request, one.request))
    told = f"{nearest.request['method']} {nearest.request['url']}"
    asked, known = _lines(request), _lines(nearest.request)
    diff = list(islice(unified_diff(known, asked, "recorded", "asked", n=1, lineterm=""), 200))
    shown = [line[:_MAX_LINE_CHARS] for line in diff[:_MAX_DIFF_LINES]]
    if len(diff) > len(shown):
        shown.append("…")
    where = "\n".join(shown) if shown else "(their bodies are equal)"
    return f"it has no answer to {name}; the nearest request in it is {told}:\n{where}"


def _distance(request: JSONObject, other: JSONObject) -> tuple[int, int]:
    """How far two requests are apart: in their addresses, then in the lines of their bodies."""
    asked, known = urlsplit(request["url"]), urlsplit(other["url"])
    address = (
        (request["method"] != other["method"])
        + 2 * (asked.path != known.path)
        + (asked.netloc != known.netloc)
    )
    return address, len(set(_lines(request)) ^ set(_lines(other)))


def _lines(request: JSONObject) -> list[str]:
    """A body in lines, each a value, so that two of them can be compared."""
    if "body" not in request:
        return canonical(request).splitlines()
    text = json.dumps(request["body"], indent=1, sort_keys=True, ensure_ascii=False)
    return text.splitlines()[:_MAX_COMPARED_LINES]
