"""Arguments that have no effect are named in a header of the answer."""

from __future__ import annotations

from typing import Any

import pytest

from local_llm_kit.server import LocalServer
from tests.local.http import ask

HELLO = [{"role": "user", "content": "Hello!"}]
ASKED = {"type": "predicate", "instructions": "It is a greeting."}
HEADER = "x-ignored-parameters"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": HELLO, "max_tokens": 1}),
        ("/v1/chat/completions", {"messages": HELLO, "max_tokens": 1, "stream": True}),
        ("/v1/completions", {"prompt": "Hi", "max_tokens": 1}),
        ("/v1/embeddings", {"input": "Hi"}),
        ("/v1/decisions", {"input": "Hi", "questions": [ASKED]}),
    ],
    ids=["chat", "streamed chat", "completion", "embeddings", "decision"],
)  # fmt: skip
def test_what_has_no_effect_is_named_in_a_header(
    server: LocalServer, path: str, body: dict[str, Any]
) -> None:
    assert HEADER not in ask(server.url, path, body).headers
    answer = ask(server.url, path, body | {"user": "u", "prompt_cache_key": "k"})
    assert (answer.status, answer.headers[HEADER]) == (200, "user, prompt_cache_key")


def test_a_hint_of_the_wrong_type_is_refused(server: LocalServer) -> None:
    answer = ask(server.url, "/v1/chat/completions", {"messages": HELLO, "verbosity": 3})
    assert (answer.status, answer.error["param"]) == (400, "verbosity")


def test_a_chat_answer_without_tokens_was_cut(server: LocalServer) -> None:
    body = {"messages": HELLO, "max_completion_tokens": 0}
    answer = ask(server.url, "/v1/chat/completions", body).json
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["choices"][0]["message"]["content"] == ""
    assert answer["usage"]["completion_tokens"] == 0
