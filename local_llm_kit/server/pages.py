"""Lists that OpenAI's API tells a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import invalid

MAX_PAGE = 100
_PAGE = "20"


def page_of(
    ids: Sequence[str],
    query: Mapping[str, str],
    load: Callable[[str], JSONObject],
    *,
    order: Literal["asc", "desc"] = "asc",
    least: int = 0,
) -> JSONObject:
    """A page of what has some ids.

    Where `after` names what has left in the meantime, nothing comes after it.

    :param ids: all that there is, the oldest first.
    :param query: `limit`, up to 100, 20 without it; `order`, ``asc`` or ``desc``; `after`, the id
        before the page.
    :param load: gives the object of an id; called for those of the page.
    :param order: where the query names none.
    :param least: the smallest `limit`.
    :raises InvalidRequestError: names the parameter.
    """
    limit, wanted, after = query.get("limit", _PAGE), query.get("order", order), query.get("after")
    is_number = limit.isascii() and limit.isdigit() and len(limit) < 4
    if not (is_number and least <= int(limit) <= MAX_PAGE):
        raise invalid("limit", f"limit must be a whole number from {least} to {MAX_PAGE}")
    if wanted not in ("asc", "desc"):
        raise invalid("order", "order must be 'asc' or 'desc'")
    ordered = list(ids if wanted == "asc" else reversed(ids))
    if after is not None:
        ordered = ordered[ordered.index(after) + 1 :] if after in ordered else []
    page = ordered[: int(limit)]
    return {
        "object": "list",
        "data": [load(one) for one in page],
        "first_id": page[0] if page else "",
        "last_id": page[-1] if page else "",
        "has_more": len(ordered) > len(page),
    }
