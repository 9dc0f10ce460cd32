"""The responses that are kept, in memory, as JSON: the longest unused leave first.

Items are kept once, however many responses of a conversation and its forks have them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_core import from_json, to_json

from local_llm_kit.backends import JSONObject

MAX_RESPONSES = 4096
MAX_BYTES = 64 << 20
#: What an item takes beside its JSON, and its place in a response; on CPython 3.11.
_ITEM_BYTES = 300
_PLACE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Kept:
    """A response that is kept.

    :param response: it, as JSON.
    :param status: of the response.
    :param is_background: whether it is or was made while nobody waits.
    :param conversation: the items that it answers, earlier turns' included, each as JSON.
    :param item_ids: of these, and of its output.
    """

    response: bytes
    status: str
    is_background: bool
    conversation: tuple[bytes, ...]
    item_ids: tuple[str, ...]

    def input_items(self) -> list[JSONObject]:
        """The items that it answers."""
        return [from_json(item) for item in self.conversation]

    def all_items(self) -> list[JSONObject]:
        """The whole conversation: what it answers, and the answer."""
        response: JSONObject = from_json(self.response)
        return [*self.input_items(), *response["output"]]


#: An owner, and the id of what was kept for it.
Place = tuple[int, str]


class _Items:
    """Items by owner and id, each with the number of responses that have it."""

    def __init__(self) -> None:
        self.n_bytes = 0
        self._items: dict[Place, tuple[bytes, int]] = {}

    def get(self, place: Place) -> bytes | None:
        return self._items.get(place, (None, 0))[0]

    def hold(self, owner: int, item: JSONObject) -> bytes:
        """Count one more holder; the item as JSON."""
        place = owner, item["id"]
        found = self._items.get(place)
        data, n_holders = found or (to_json(item), 0)
        self._items[place] = data, n_holders + 1
        if found is None:
            self.n_bytes += len(data) + _ITEM_BYTES
        return data

    def release(self, place: Place) -> None:
        data, n_holders = self._items[place]
        if n_holders > 1:
            self._items[place] = data, n_holders - 1
        else:
            del self._items[place]
            self.n_bytes -= len(data) + _ITEM_BYTES


class ResponseStore:
    """Keeps responses, each for its owner; every method may be called from any thread.

    An owner is a number, see `owners`: what was kept for another is not found.

    :param max_responses: most that are kept.
    :param max_bytes: most that they take together; one that takes more alone is not kept.
    """

    def __init__(self, max_responses: int = MAX_RESPONSES, max_bytes: int = MAX_BYTES) -> None:
        self._max_responses = max_responses
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Place, Kept] = OrderedDict()
        self._items = _Items()
        self._n_bytes = 0  # of the responses without their items
        self._lock = threading.Lock()

    @property
    def n_bytes(self) -> int:
        """What all takes, in bytes."""
        return self._n_bytes + self._items.n_bytes

    def put(self, response: JSONObject, conversation: Sequence[JSONObject], owner: int = 0) -> None:
        """Keep a response, in place of an earlier state of it.

        :param conversation: the items that it answers.
        """
        with self._lock:
            place = owner, response["id"]
            self._drop(place)
            data = [self._items.hold(owner, item) for item in conversation]
            for item in response["output"]:
                self._items.hold(owner, item)
            kept = Kept(
                to_json(response),
                response["status"],
                response["background"],
                tuple(data),
                tuple(item["id"] for item in (*conversation, *response["output"])),
            )
            self._kept[place] = kept
            self._n_bytes += _size(kept)
            while self.n_bytes > self._max_bytes or len(self._kept) > self._max_responses:
                self._drop(next(iter(self._kept)))

    def get(self, response_id: str, owner: int = 0) -> Kept | None:
        """A response; None where it is not kept."""
        with self._lock:
            kept = self._kept.get((owner, response_id))
            if kept is not None:
                self._kept.move_to_end((owner, response_id))
            return kept

    def item(self, item_id: str, owner: int = 0) -> bytes | None:
        """An item of any of the owner's responses, as JSON; None where none has it."""
        with self._lock:
            return self._items.get((owner, item_id))

    def delete(self, response_id: str, owner: int = 0) -> bool:
        """Forget a response; whether it was kept."""
        with self._lock:
            return self._drop((owner, response_id))

    def _drop(self, place: Place) -> bool:
        kept = self._kept.pop(place, None)
        if kept is None:
            return False
        self._n_bytes -= _size(kept)
        for item_id in kept.item_ids:
            self._items.release((place[0], item_id))
        return True


def _size(kept: Kept) -> int:
    return len(kept.response) + _PLACE_BYTES * len(kept.item_ids)
