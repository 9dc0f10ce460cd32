"""Typed decisions through an Ollama server."""

from __future__ import annotations

from typing import Any

import pytest

from LLM.exceptions import (
    InvalidRequestError,
    LLMResponseError,
)
from local_llm_kit.backends import JSONObject
from local_llm_kit.decisions import parse_decision
from local_llm_kit.engines.ollama import OllamaModel
from tests.local.ollama.fake import (
    FakeOllama,
    ndjson,
)
from tests.local.ollama.support import finish

pytestmark = pytest.mark.slow

QUESTIONS = [
    {"type": "predicate", "instructions": "It is a complaint."},
    {"type": "choice", "name": "who", "instructions": "Who answers?",
     "choices": [{"value": "sales"}, {"value": "support", "description": "knows the machine"}]},
    {"type": "score", "instructions": "How angry?",
     "levels": [{"label": "calm"}, {"label": "angry", "description": "shouts"}]},
]  # fmt: skip
DECIDED = {
    "answers": {
        "0": {"type": "noul", "noul": 0.75},
        "1": {"type": "choice", "choice": "support",
              "probabilities": {"support": 1.0, "sales": 0.0}, "confidence": 1.0},
        "2": {"type": "score", "score": 0.25, "legend": {"0": "calm", "1": "angry: shouts"},
              "probabilities": {"0": 0.75, "1": 0.25}, "confidence": 0.5},
    },
    "usage": {"input_tokens": 40, "output_tokens": 0},
}  # fmt: skip


def decide(model: OllamaModel, **arguments: Any) -> JSONObject:
    return finish(model.decision(parse_decision({"questions": QUESTIONS} | arguments)))[1]


def test_decisions_have_openais_shape(fake: FakeOllama, model: OllamaModel) -> None:
    fake.script("/v1/systemone", *ndjson(DECIDED))
    answer = decide(model, input="It broke!")
    yes, who, angry = answer["answers"]
    assert yes["probability"] == pytest.approx(0.75)
    assert (who["name"], who["choice"]) == ("who", "support")
    assert [one["probability"] for one in who["probabilities"]] == [0.0, 1.0]
    assert angry["score"] == pytest.approx(0.25)
    assert [one["label"] for one in angry["probabilities"]] == ["calm", "angry"]
    assert {one["coverage"] for one in answer["answers"]} == {None}
    assert answer["usage"]["total_tokens"] == 40


def test_questions_are_sent_with_what_describes_their_options(
    fake: FakeOllama, model: OllamaModel
) -> None:
    fake.script("/v1/systemone", *ndjson(DECIDED))
    decide(model, input="It broke!")
    (body,) = fake.bodies("/v1/systemone")
    assert body["state"] == "It broke!"
    assert body["questions"]["0"] == {"type": "noul", "instructions": "It is a complaint."}
    assert body["questions"]["1"]["criteria"] == {"sales": None, "support": "knows the machine"}
    assert body["questions"]["2"]["criteria"] == ["calm", "angry: shouts"]


def test_a_server_without_decisions_is_told_apart(fake: FakeOllama, model: OllamaModel) -> None:
    fake.script("/v1/systemone", b"404 page not found", status=404)
    with pytest.raises(InvalidRequestError, match=r"questions is not supported.*update Ollama"):
        decide(model, input="x")


@pytest.mark.parametrize(
    "told",
    [{}, {"answers": {}, "usage": {}}, DECIDED | {"answers": {"0": {"noul": 1.5}}},
     DECIDED | {"usage": {"input_tokens": "many"}}],
    ids=["nothing", "no answers", "no probability", "no counts"],
)  # fmt: skip
def test_a_decision_that_cannot_be_read_is_no_success(
    fake: FakeOllama, model: OllamaModel, told: JSONObject
) -> None:
    fake.script("/v1/systemone", *ndjson(told))
    with pytest.raises(LLMResponseError):
        decide(model, input="x")
