"""One engine at work on packs that arrive from several threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from LLM import LLMAuthError, LLMError
from LLM.batch.engine import Finish
from LLM.batch.types import BatchOutcome, BatchRequest
from llm_kit.ray.host import EngineHost


def requests(*indexes: int) -> list[BatchRequest]:
    return [BatchRequest(i, f"r{i}", "/v1/completions", {}, b"{}", "id") for i in indexes]


class Twice:
    """Answers requests in pairs, the later first: no pack of one ends without another."""

    def run(self, requests: Iterator[BatchRequest], finish: Finish) -> None:
        for first in requests:
            for request in (next(requests), first):
                finish(BatchOutcome(request, answer=b"%d" % request.index))


class Refusing:
    """Answers the first request; at the second it gives up."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def run(self, requests: Iterator[BatchRequest], finish: Finish) -> None:
        finish(BatchOutcome(next(requests), answer=b"{}"))
        next(requests)
        raise self._error


def test_packs_of_several_threads_share_the_engine() -> None:
    host = EngineHost(Twice())
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda i: host.answer(requests(i)), range(8)))
    host.close()
    assert [answered.outcomes[0].answer for answered in answers] == [b"%d" % i for i in range(8)]
    assert all(answered.error is None for answered in answers)


def test_a_pack_of_no_requests_ends_at_once() -> None:
    host = EngineHost(Twice())
    assert host.answer([]).outcomes == []
    host.close()


def test_a_pack_that_arrives_twice_is_answered_twice() -> None:
    host = EngineHost(Twice())
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: host.answer(requests(3)), range(2)))
    host.close()
    assert [len(answered.outcomes) for answered in answers] == [1, 1]


def test_the_error_that_ends_the_engine_ends_the_packs_with_what_they_have() -> None:
    error = LLMAuthError("the key is refused", status_code=401)
    host = EngineHost(Refusing(error))
    answered = host.answer(requests(0, 1))
    assert [one.request.index for one in answered.outcomes] == [0]
    assert answered.error is error
    assert host.answer(requests(2)).error is error


def test_a_fault_of_the_engine_is_told() -> None:
    answered = EngineHost(Refusing(ZeroDivisionError("by nought"))).answer(requests(0, 1))
    assert isinstance(answered.error, LLMError)
    assert "ZeroDivisionError: by nought" in str(answered.error)


def test_a_closed_host_answers_nothing_and_leaves_no_thread() -> None:
    before = threading.active_count()
    host = EngineHost(Twice())
    host.close()
    assert threading.active_count() == before
    assert "closed" in str(host.answer(requests(1)).error)
