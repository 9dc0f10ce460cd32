"""What a job remembers of each request while it runs: 33 to 57 bytes, whatever its size. Pure."""

from __future__ import annotations

from array import array

from LLM.batch.digests import DigestTable, digest_of_id
from LLM.batch.lines import LINE_START
from LLM.batch.types import BatchRequest

#: Stands for the place of a line that is not there.
NO_PLACE = 2**64 - 1

# The 64 bits of an id that are kept: the first hexadecimal digits after its prefix.
_ID_DIGITS = slice(len(LINE_START) - len(b'{"id":"'), len(LINE_START) - len(b'{"id":"') + 16)


class RequestIndex:
    """Digests of requests in the input's order, and where the line of each is.

    :param wordings: also remember which request was the first of its words.
    """

    def __init__(self, *, wordings: bool) -> None:
        #: Of each request: twice the place of its line, plus one for a failure; or `NO_PLACE`.
        self.places: array[int] = array("Q")
        self._ids: array[int] = array("Q")
        self._by_custom_id = DigestTable()
        self._by_wording = DigestTable() if wordings else None

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, request: BatchRequest) -> int:
        """Add the next request. :return: the index of the first of this custom_id: its own."""
        first = self._by_custom_id.add(digest_of_id(request.custom_id), request.index)
        if first == request.index:
            bits = _bits(request.id)
            self._ids.append(bits)
            self.places.append(NO_PLACE)
            if self._by_wording is not None:
                self._by_wording.add(bits, request.index)
        return first

    def of(self, custom_id: str) -> int | None:
        """The index of the request of this custom_id."""
        return self._by_custom_id.get(digest_of_id(custom_id))

    def is_of(self, index: int, id_: str) -> bool:
        """Whether the request at `index` has this id, and so these words."""
        return self._ids[index] == _bits(id_)

    def first_of_words(self, index: int) -> int:
        """The first request of the same words; `index` itself where wordings are not kept."""
        if self._by_wording is None:
            return index
        first = self._by_wording.get(self._ids[index])
        return index if first is None else first

    def is_finished(self, index: int) -> bool:
        """Whether the request has its line."""
        return self.places[index] != NO_PLACE

    def finish(self, index: int, place: int, *, failed: bool) -> None:
        """Note where the line of a request is."""
        self.places[index] = place << 1 | failed

    def forget_places(self) -> None:
        """No request has its line."""
        for index in range(len(self.places)):
            self.places[index] = NO_PLACE


def _bits(id_: str) -> int:
    try:
        return int(id_[_ID_DIGITS], 16) or 1
    except ValueError:
        return 0  # no id of ours
