"""The responses that are kept, in memory, as JSON: the longest unused leave first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from local_llm_kit.backends import JSONObject

MAX_RESPONSES = 4096
MAX_BYTES = 64 << 20
#: What an item's id takes in the index, with its places; measured on CPython 3.11.
_ID_BYTES = 300


@dataclass(frozen=True, slots=True)
class Kept:
    """A response that is kept.

    :param response: it, as JSON.
    :param conversation: the items that it answers, earlier turns' included, as JSON.
    :param status: of the response.
    :param is_background: whether it is or was made while nobody waits.
    :param item_ids: of all items, its own output's last.
    """

    response: bytes
    conversation: bytes
    status: str
    is_background: bool
    item_ids: tuple[str, ...]

    @property
    def n_bytes(self) -> int:
        """What it takes, in bytes."""
        return len(self.response) + len(self.conversation) + _ID_BYTES * len(self.item_ids)

    def input_items(self) -> list[JSONObject]:
        """The items that it answers."""
        items: list[JSONObject] = from_json(self.conversation)
        return items

    def all_items(self) -> list[JSONObject]:
        """The whole conversation: what it answers, and the answer."""
        response: JSONObject = from_json(self.response)
        return [*self.input_items(), *response["output"]]


class ResponseStore:
    """Keeps responses; every method may be called from any thread.

    :param max_responses: most that are kept.
    :param max_bytes: most that they take together; one that takes more alone is not kept.
    """

    def __init__(self, max_responses: int = MAX_RESPONSES, max_bytes: int = MAX_BYTES) -> None:
        self._max_responses = max_responses
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._holders: dict[str, list[str]] = {}  # of each item, the responses that have it
        self._n_bytes = 0
        self._lock = threading.Lock()

    def put(self, response: JSONObject, conversation: bytes) -> None:
        """Keep a response, in place of an earlier state of it.

        :param conversation: the items that it answers, as JSON.
        """
        items: list[Any] = [*from_json(conversation), *response["output"]]
        ids = tuple(dict.fromkeys(item["id"] for item in items))
        kept = Kept(
            to_json(response), conversation, response["status"], response["background"], ids
        )
        with self._lock:
            self._drop(response["id"])
            self._kept[response["id"]] = kept
            self._n_bytes += kept.n_bytes
            for item_id in ids:
                self._holders.setdefault(item_id, []).append(response["id"])
            while self._n_bytes > self._max_bytes or len(self._kept) > self._max_responses:
                self._drop(next(iter(self._kept)))

    def get(self, response_id: str) -> Kept | None:
        """A response; None where it is not kept."""
        with self._lock:
            kept = self._kept.get(response_id)
            if kept is not None:
                self._kept.move_to_end(response_id)
            return kept

    def item(self, item_id: str) -> JSONObject | None:
        """An item of any response; None where none has it."""
        with self._lock:
            holders = self._holders.get(item_id)
            kept = self._kept[holders[-1]] if holders else None
        items = kept.all_items() if kept else []
        return next((item for item in items if item["id"] == item_id), None)

    def delete(self, response_id: str) -> bool:
        """Forget a response; whether it was kept."""
        with self._lock:
            return self._drop(response_id)

    def _drop(self, response_id: str) -> bool:
        kept = self._kept.pop(response_id, None)
        if kept is None:
            return False
        self._n_bytes -= kept.n_bytes
        for item_id in kept.item_ids:
            holders = self._holders[item_id]
            holders.remove(response_id)
            if not holders:
                del self._holders[item_id]
        return True
