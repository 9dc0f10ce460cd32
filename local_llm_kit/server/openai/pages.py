"""Lists that are told a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import invalid

MAX_PAGE = 100
_PAGE = 20


def page_of(
    ids: Sequence[str], query: Mapping[str, str], load: Callable[[str], JSONObject]
) -> JSONObject:
    """A page of what has some ids.

    Where `after` names what has left in the meantime, nothing comes after it.

    :param ids: all that there is, the oldest first.
    :param query: `limit`, 0 to 100, 20 without it; `order`, ``asc`` or ``desc``; `after`, the id
        before the page.
    :param load: gives the object of an id; called for those of the page.
    :raises InvalidRequestError: names the parameter.
    """
    limit, order, after = (
        query.get("limit", str(_PAGE)),
        query.get("order", "asc"),
        query.get("after"),
    )
    if not (limit.isascii() and limit.isdigit() and len(limit) < 4 and int(limit) <= MAX_PAGE):
        raise invalid("limit", f"limit must be a whole number from 0 to {MAX_PAGE}")
    if order not in ("asc", "desc"):
        raise invalid("order", "order must be 'asc' or 'desc'")
    ordered = list(ids if order == "asc" else reversed(ids))
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
