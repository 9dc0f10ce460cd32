"""Bodies as libraries send them, where they are no proper JSON requests."""

from __future__ import annotations

from local_llm_kit.server import LocalServer
from tests.local.http import ask

BODY = {"model": "tiny", "messages": [{"role": "user", "content": "Hello!"}], "stream": False}


def test_a_body_without_a_type_is_json_in_ollamas_api_only(server: LocalServer) -> None:
    untyped: dict[str, str | None] = {"Content-Type": None}
    assert ask(server.url, "/api/chat", BODY, headers=untyped).status == 200
    assert ask(server.url, "/v1/chat/completions", BODY, headers=untyped).status == 415


def test_a_page_of_another_site_gains_nothing_by_that(server: LocalServer) -> None:
    headers = {"Content-Type": None, "Origin": "http://evil.example"}
    assert ask(server.url, "/api/chat", BODY, headers=headers).status == 403
    headers = {"Content-Type": None, "Origin": "null"}
    assert ask(server.url, "/api/chat", BODY, headers=headers).status == 403
