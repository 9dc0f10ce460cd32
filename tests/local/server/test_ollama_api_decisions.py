"""Ollama's ``/v1/systemone``: the decisions of ``/v1/decisions`` in its own words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ollama
import pytest

from local_llm_kit import LLMClient
from local_llm_kit.server import LocalServer
from tests.local.http import ask

#: What is in the cache parts batches otherwise, and quantised sums depend on their batch.
NEAR = 0.1
TEXT = "My name is Zoe, and I love red cars."
QUESTIONS: dict[str, Any] = {
    "colour": {"type": "choice", "instructions": "Which colour is meant?",
               "criteria": {"red": None, "blue": "the sky's"}},
    "named": {"type": "noul", "instructions": "The user has told their name."},
    "mood": {"type": "score", "instructions": "How happy is the user?",
             "criteria": ["sad", "fine", "happy"]},
}  # fmt: skip


@pytest.fixture
def client(server: LocalServer) -> Iterator[ollama.Client]:
    with ollama.Client(host=server.url) as client:
        yield client


def test_decisions_are_those_of_openais_api(client: ollama.Client, server: LocalServer) -> None:
    body = {"input": TEXT, "questions": [
        {"type": "choice", "instructions": "Which colour is meant?",
         "choices": [{"value": "red"}, {"value": "blue", "description": "the sky's"}]},
        {"type": "predicate", "instructions": "The user has told their name."},
        {"type": "score", "instructions": "How happy is the user?",
         "levels": [{"label": "sad"}, {"label": "fine"}, {"label": "happy"}]},
    ]}  # fmt: skip
    choice, predicate, score = ask(server.url, "/v1/decisions", body).json["answers"]
    answer = client.systemone("tiny", TEXT, QUESTIONS)
    colour, named, mood = (answer.answers[name] for name in ("colour", "named", "mood"))
    assert isinstance(colour, ollama.SystemOneChoiceAnswer)
    assert isinstance(named, ollama.SystemOneNoulAnswer)
    assert isinstance(mood, ollama.SystemOneScoreAnswer)
    assert colour.choice == choice["choice"]
    assert colour.confidence == pytest.approx(choice["confidence"], abs=NEAR)
    assert named.noul == pytest.approx(predicate["probability"], abs=NEAR)
    assert mood.score == pytest.approx(score["score"], abs=NEAR)
    assert mood.legend == {"0": "sad", "1": "fine", "2": "happy"}
    assert answer.usage.input_tokens > 0


def test_our_own_back_end_decides_through_it(server: LocalServer) -> None:
    question = {"type": "predicate", "instructions": "The user has told their name."}
    near = ask(server.url, "/v1/decisions", {"input": TEXT, "questions": [question]}).json
    with LLMClient("tiny", backend="ollama", host=server.url) as far:
        answer = far.decisions.create(input=TEXT, questions=[question]).answers[0]
    assert answer.probability == pytest.approx(near["answers"][0]["probability"], abs=NEAR)


@pytest.mark.parametrize(
    "state",
    [{"ticket": ["Duplicate charge", None]}, ["a", 1], [{"role": "user", "content": "Hi"}]],
    ids=["object", "list", "conversation"],
)
def test_a_state_may_be_json(client: ollama.Client, state: Any) -> None:
    questions = {"sure": {"type": "noul", "instructions": ["Is it?"],
                          "criteria": {"true": "it is", "false": "it is not"}}}  # fmt: skip
    answer = client.systemone("tiny", state, questions).answers["sure"]
    assert isinstance(answer, ollama.SystemOneNoulAnswer)
    assert 0 <= answer.noul <= 1


def test_what_a_predicates_answers_mean_is_told_to_the_model(client: ollama.Client) -> None:
    told = QUESTIONS["named"] | {"criteria": {"true": "a name of any kind was told"}}
    counts = [
        client.systemone("tiny", TEXT, {"named": one}).usage.input_tokens
        for one in (QUESTIONS["named"], told)
    ]
    assert counts[0] < counts[1]


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("model", None, "model"), ("state", "", "state"), ("state", 3, "state"),
        ("state", {}, "state"), ("questions", [], "questions"), ("questions", {}, "questions"),
        ("questions", {"a": 1}, "questions.a"), ("questions", {"a": {"type": "x"}}, "questions.a"),
        ("questions", {"a": {"type": "noul"}}, "instructions"),
        ("questions", {"a": {"type": "noul", "instructions": "x", "criteria": {"maybe": "x"}}},
         "questions.a.criteria"),
        ("questions", {"a": {"type": "choice", "instructions": "x", "criteria": ["a", "b"]}},
         "questions.a.criteria"),
        ("questions", {"a": {"type": "score", "instructions": "x", "criteria": {"a": "b"}}},
         "questions.a.criteria"),
        ("questions", {"a": {"type": "score", "instructions": "x", "criteria": ["one"]}}, "levels"),
        ("questions", {"a": QUESTIONS["named"] | {"weight": 1}}, "weight"),
        ("extra", 1, "extra"), ("keep_alive", "soon", "keep_alive"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_is_wrong_is_named(server: LocalServer, field: str, value: Any, name: str) -> None:
    body = {"model": "tiny", "state": TEXT, "questions": QUESTIONS} | {field: value}
    answer = ask(server.url, "/v1/systemone", body)
    assert answer.status == 400
    assert name in answer.json["error"]


def test_what_has_no_effect_is_named(server: LocalServer) -> None:
    for keep_alive in (0, "5m"):
        body = {"model": "tiny", "state": TEXT, "questions": QUESTIONS, "keep_alive": keep_alive}
        answer = ask(server.url, "/v1/systemone", body)
        assert answer.headers["x-ignored-parameters"] == "keep_alive"
