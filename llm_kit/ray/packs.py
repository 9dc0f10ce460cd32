"""Requests by the pack: what Ray's workers take and give back as one piece."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from pydantic_core import from_json

from LLM.batch.types import BatchOutcome, BatchRequest
from LLM.exceptions import LLMError

#: Most requests of a pack. Ray's share of a pack is some milliseconds of the job's own process,
#: and a killed worker does its packs over: bench/ray_batch.py has the first figure.
MAX_PACK_REQUESTS = 16

#: A round's packs lie in Ray's object store before its first request is sent, so that a round is
#: what a job of any size takes of memory. Each round starts its workers anew, which takes seconds.
MAX_ROUND_PACKS = 4096
MAX_ROUND_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a pack.

    :param outcomes: of the requests that ended.
    :param error: that ends the whole job; None where it can go on.
    """

    outcomes: list[BatchOutcome]
    error: LLMError | None = None


def pack_size(concurrency: int) -> int:
    """:return: requests of a pack, so that a worker has some packs under way at any time."""
    return max(1, min(MAX_PACK_REQUESTS, concurrency // 8))


def packs_in_flight(concurrency: int) -> int:
    """:return: packs that a worker holds at once: twice what it answers at once.

    A pack ends with its slowest request; the others' places are taken by the packs in waiting.
    """
    return max(2, 2 * concurrency // pack_size(concurrency))


def packed(requests: Iterator[BatchRequest], size: int) -> Iterator[bytes]:
    """:return: the requests in packs of `size`, the last of which may have fewer."""
    while pack := list(islice(requests, size)):
        # The body is in `content` too, which is smaller and pickles faster.
        yield pickle.dumps([replace(request, body={}) for request in pack])


def unpacked(pack: bytes) -> list[BatchRequest]:
    """:param pack: of `packed`, made by this job's own process."""
    requests: list[BatchRequest] = pickle.loads(pack)
    return [replace(request, body=from_json(request.content)) for request in requests]


def sealed(answered: Answered) -> bytes:
    """:return: what came of a pack, without what was asked, to be sent back."""
    outcomes = [replace(one, request=_without_words(one.request)) for one in answered.outcomes]
    return pickle.dumps(Answered(outcomes, answered.error))


def opened(sealed_answer: bytes, pack: bytes) -> Answered:
    """:param sealed_answer: of `sealed`, made by this job's own worker.

    :param pack: that was answered.
    """
    answered: Answered = pickle.loads(sealed_answer)
    asked = {request.index: request for request in unpacked(pack)}
    outcomes = [replace(one, request=asked[one.request.index]) for one in answered.outcomes]
    return Answered(outcomes, answered.error)


def _without_words(request: BatchRequest) -> BatchRequest:
    # A prompt may be long, and whoever sent it still has it.
    return replace(request, body={}, content=b"")


def rounds(
    packs: Iterable[bytes],
    max_packs: int = MAX_ROUND_PACKS,
    max_bytes: int = MAX_ROUND_BYTES,
) -> Iterator[list[bytes]]:
    """:return: the packs in rounds that pass neither limit, but for a single large pack."""
    gathered: list[bytes] = []
    n_bytes = 0
    for pack in packs:
        if gathered and (len(gathered) == max_packs or n_bytes + len(pack) > max_bytes):
            yield gathered
            gathered, n_bytes = [], 0
        gathered.append(pack)
        n_bytes += len(pack)
    if gathered:
        yield gathered
