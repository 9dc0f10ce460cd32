"""Requests by the pack."""

from __future__ import annotations

import pytest
from pydantic_core import to_json

from LLM import LLMRateLimitError
from LLM.batch.types import BatchOutcome, BatchRequest
from llm_kit.ray.packs import (
    Answered,
    opened,
    pack_size,
    packed,
    packs_in_flight,
    rounds,
    sealed,
    unpacked,
)


def request(index: int) -> BatchRequest:
    body = {"model": "m", "prompt": f"Tell of bee {index}."}
    return BatchRequest(
        index, f"bee-{index}", "/v1/completions", body, to_json(body), f"id-{index}"
    )


@pytest.mark.parametrize(("concurrency", "size"), [(1, 1), (8, 1), (16, 2), (64, 8), (4096, 16)])
def test_a_pack_is_a_small_part_of_what_is_in_flight(concurrency: int, size: int) -> None:
    assert pack_size(concurrency) == size
    assert packs_in_flight(concurrency) * size >= 2 * concurrency


def test_requests_come_out_of_their_packs_as_they_went_in() -> None:
    packs = list(packed(map(request, range(10)), 4))
    assert [len(unpacked(pack)) for pack in packs] == [4, 4, 2]
    assert [one for pack in packs for one in unpacked(pack)] == list(map(request, range(10)))


def test_answers_and_errors_come_back_with_their_fields() -> None:
    error = LLMRateLimitError("later", retry_after=7.5, code="insufficient_quota", provider="p")
    sent = Answered(
        [BatchOutcome(request(0), answer=b"{}"), BatchOutcome(request(1), error=error)], error
    )
    [pack] = packed(map(request, range(2)), 2)
    back = opened(sealed(sent), pack)
    assert [one.request for one in back.outcomes] == [request(0), request(1)]
    assert back.outcomes[0].answer == b"{}"
    assert back.outcomes[1].error.__dict__ == error.__dict__
    assert isinstance(back.error, LLMRateLimitError)
    assert back.error.quota_exhausted


def test_an_answer_carries_no_prompt_back() -> None:
    assert b"Tell of bee" not in sealed(Answered([BatchOutcome(request(0), answer=b"{}")]))


def test_a_round_passes_neither_of_its_limits() -> None:
    packs = [b"x" * 10] * 7
    assert [len(one) for one in rounds(packs, max_packs=3, max_bytes=1000)] == [3, 3, 1]
    assert [len(one) for one in rounds(packs, max_packs=100, max_bytes=25)] == [2, 2, 2, 1]


def test_a_pack_larger_than_a_round_is_a_round_of_its_own() -> None:
    packs = [b"x", b"x" * 100, b"x"]
    assert [len(one) for one in rounds(packs, max_packs=9, max_bytes=50)] == [1, 1, 1]


def test_a_round_is_read_only_when_it_is_asked_for() -> None:
    unread = map(request, range(100))
    next(rounds(packed(unread, 2), max_packs=5))
    assert next(unread).index == 12
