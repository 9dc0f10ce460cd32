"""`/tokenize` and `/detokenize`."""

from __future__ import annotations

from typing import Any

import pytest

from local_llm_kit.server import LocalServer
from local_llm_kit.server.tokens import arguments
from tests.local.http import ask
from tests.local.support import model_of


def tokens(server: LocalServer, **body: Any) -> Any:
    return ask(server.url, "/tokenize", body).json["tokens"]


@pytest.mark.parametrize("text", ["", "Hello, world!", "grüße 😀", "a\nb\x00c", "<|im_start|>"])
def test_tokens_of_a_text_give_it_back(server: LocalServer, text: str) -> None:
    found = tokens(server, content=text, parse_special=False)
    answer = ask(server.url, "/detokenize", {"tokens": found})
    assert answer.json == {"content": text}


def test_special_tokens_are_read_unless_told_otherwise(server: LocalServer) -> None:
    assert len(tokens(server, content="<|im_start|>")) == 1
    assert len(tokens(server, content="<|im_start|>", parse_special=False)) > 1


def test_a_bos_token_is_added_where_the_model_wants_one(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, bool]] = []
    monkeypatch.setattr(
        model_of(server).engine, "tokenize", lambda text, **options: asked.append(options) or [1]
    )
    tokens(server, content="x")
    tokens(server, content="x", add_special=True)
    assert [one["add_special"] for one in asked] == [False, True]


def test_pieces_are_text_or_bytes_of_a_part_of_a_character(server: LocalServer) -> None:
    found = tokens(server, content="Hi 😀", with_pieces=True)
    pieces = [one["piece"] for one in found]
    assert [one["id"] for one in found] == tokens(server, content="Hi 😀")
    assert (
        b"".join(piece.encode() if isinstance(piece, str) else bytes(piece) for piece in pieces)
        == "Hi 😀".encode()
    )
    assert any(isinstance(piece, list) for piece in pieces)


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/tokenize", {}, "content"),
        ("/tokenize", {"content": ["a"]}, "content"),
        ("/tokenize", {"content": "a", "add_special": 1}, "add_special"),
        ("/tokenize", {"content": "a", "with_piece": True}, "with_piece"),
        ("/detokenize", {}, "tokens"),
        ("/detokenize", {"tokens": "1"}, "tokens"),
        ("/detokenize", {"tokens": [1, -1]}, "tokens[1]"),
        ("/detokenize", {"tokens": [True]}, "tokens[0]"),
        ("/detokenize", {"tokens": [1 << 40]}, "tokens[0]"),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_argument_is_named(server: LocalServer, path: str, body: Any, param: str) -> None:
    answer = ask(server.url, path, body)
    assert (answer.status, answer.error["param"]) == (400, param)


def test_a_token_that_the_model_lacks_is_refused(server: LocalServer) -> None:
    answer = ask(server.url, "/detokenize", {"tokens": [99_999]})
    assert answer.status == 400
    assert "no token 99999" in answer.error["message"]


def test_sizes_are_bounded(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arguments, "MAX_CONTENT_CHARS", 4)
    monkeypatch.setattr(arguments, "MAX_LISTED_TOKENS", 4)
    assert ask(server.url, "/tokenize", {"content": "12345"}).status == 400
    assert ask(server.url, "/detokenize", {"tokens": [1] * 5}).status == 400
