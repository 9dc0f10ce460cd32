"""`max_cost`: a run of a job begins nothing that may cost more than is left."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from LLM import LLM, LLMConfig, LLMConfigError, UsageLimitError
from LLM.batch.budget import Budget
from LLM.batch.types import BatchOutcome, BatchRequest
from LLM.types import Usage
from tests.batch.jobs import FakeEngine, chat, echo, ids_of, run, write_requests
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow


def price(model: str, usage: Usage) -> float:
    """A dollar for each token of an answer."""
    return float(usage.completion_tokens or 0)


def asked(index: int, **body: Any) -> BatchRequest:
    fields = {"model": "m", **body}
    return BatchRequest(index, f"r{index}", "/v1/chat/completions", fields, b"{}", "")


def ended(request: BatchRequest, n_tokens: int) -> BatchOutcome:
    usage = Usage(prompt_tokens=0, completion_tokens=n_tokens)
    return BatchOutcome(request, b"{}", usage=usage, model="m")


def test_what_is_in_flight_is_held_for_in_full() -> None:
    budget = Budget(10, price)
    first, second = asked(0, max_tokens=6), asked(1, max_tokens=6)
    assert (budget.take(first), budget.take(second)) == (True, False)
    budget.settle(ended(first, 4))
    assert (budget.spent, budget.take(second)) == (4.0, True)


def test_what_nothing_bounds_is_taken_as_the_mean_so_far() -> None:
    budget = Budget(10, price)
    for index, n_tokens in enumerate((2, 4)):
        assert budget.take(asked(index))
        budget.settle(ended(asked(index), n_tokens))
    assert [budget.take(asked(index)) for index in (2, 3)] == [True, False]


def test_a_failure_costs_nothing() -> None:
    budget = Budget(10, price)
    assert budget.take(asked(0, max_tokens=10))
    budget.settle(BatchOutcome(asked(0), error=LLMConfigError("no")))
    assert (budget.spent, budget.take(asked(1, max_tokens=10))) == (0.0, True)


def test_a_model_that_answers_by_another_name_costs_what_was_asked() -> None:
    budget = Budget(10, lambda model, usage: price(model, usage) if model == "m" else None)
    outcome = BatchOutcome(asked(0), b"{}", usage=Usage(completion_tokens=3), model="m-2026")
    assert budget.take(asked(0))
    budget.settle(outcome)
    assert budget.spent == 3.0


def test_a_job_ends_when_the_next_request_may_pass_the_limit(tmp_path: Path) -> None:
    """An answer has two tokens, though three may come; the last dollars are used up, too."""
    source, output = write_requests(tmp_path / "in.jsonl", ["x"] * 9), tmp_path / "out.jsonl"
    source.write_text(source.read_text().replace('"model"', '"max_tokens": 3, "model"'))
    with pytest.raises(UsageLimitError, match=r"max_cost is \$8: \$6 is spent") as caught:
        run(source, output, max_cost=8, price=price)
    assert (caught.value.code, len(ids_of(output))) == ("max_cost", 3)
    assert "6 requests were not sent" in str(caught.value)
    assert run(source, output).n_resumed == 3


def test_room_that_answers_have_left_is_used(tmp_path: Path) -> None:
    """Ten are held for at a time, so that the first pass ends before the money does."""
    body = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 100}
    with ScriptedServer((wire.answer(chat("x")),)) as server:
        with LLM(LLMConfig(base_url=server.url, model="m")) as llm, pytest.raises(UsageLimitError):
            llm.batch([body] * 600, max_cost=1000, price=price, concurrency=10, progress=False)
        cost = 2 * len(server.requests)
    assert 900 < cost <= 1000


def test_a_model_without_a_price_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    source, engine = write_requests(tmp_path / "in.jsonl", ["x"]), FakeEngine()
    with pytest.raises(LLMConfigError, match="no price is known for 'tiny'"):
        run(source, tmp_path / "out.jsonl", engine, max_cost=1, price=lambda model, usage: None)
    assert engine.asked == []


def test_requests_in_memory_may_have_no_end_where_there_is_a_limit() -> None:
    endless = (f"text {n}" for n in itertools.count())
    with ScriptedServer((echo,)) as server, LLM(LLMConfig(base_url=server.url)) as llm:
        assert len(llm.batch(endless, limit=3, progress=False).results) == 3
