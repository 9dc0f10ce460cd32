"""No key stands in a cassette, in whatever spelling it came by."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from cloud.llm import AnthropicClient, GeminiClient
from LLM import LLM, LLMConfig, cassette
from LLM.cassettes.scrubbing import Scrubber, secrets_of
from LLM.secrets import MASK, Secret
from tests.cassettes.conftest import DONE, HELLO, KEY, NOWHERE, event, lines, saying
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

Serve = Callable[..., ScriptedServer]

SPELLED = {
    "plain": KEY,
    "in base64": base64.b64encode(KEY.encode()).decode(),
    "in base64 of more": base64.b64encode(f"user:{KEY}:x".encode()).decode(),
    "in base64 for addresses": base64.urlsafe_b64encode(b"?" + KEY.encode()).decode(),
    "quoted": quote(KEY, safe=""),
    "quoted in part": quote(KEY),
    "quoted as a form": quote_plus(KEY),
    "quoted in small letters": "sk-live%2fAbc%2b123%3d%3d",
    "escaped": KEY.replace("/", "\\/"),
    "escaped twice": json.dumps(KEY.replace("/", "\\/"))[1:-1],
}


@pytest.mark.parametrize("spelled", SPELLED.values(), ids=SPELLED)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_no_spelling_of_the_key_reaches_the_file(
    serve: Serve, client: Callable[..., LLM], file: Path, spelled: str, streamed: bool
) -> None:
    echo = wire.answer(saying(f"<{spelled}>"), headers=[("X-Request-Id", f"a-{KEY}")])
    told = wire.stream_answer(event(f"<{spelled}>", "stop") + DONE, size=7)
    with cassette(file):
        llm = client(serve(told if streamed else echo).url)
        prompt = [{"role": "user", "content": f"[{spelled}]"}]
        answer = llm.chat_completion(prompt, stream=streamed)
        assert answer.response.text if streamed else answer.text == f"<{spelled}>"
    written = file.read_text("utf-8")
    assert not [form for form in SPELLED.values() if form in written]
    assert MASK in json.dumps(lines(file)[0]["request"])
    assert MASK in json.dumps(lines(file)[0]["response"])


def test_no_header_of_a_request_is_kept(serve: Serve, file: Path) -> None:
    headers = {"X-Team": "blue-team-77", "Cookie": "session=abcdef", "api-key": "azure-key-1"}
    server = serve(wire.answer(saying("Hi."), headers=[("Set-Cookie", "id=secret-cookie")]))
    with cassette(file), LLM(LLMConfig(base_url=server.url, headers=headers)) as llm:
        llm.chat_completion(HELLO)
    written = file.read_text("utf-8")
    for text in (*headers.values(), "X-Team", "secret-cookie", "cookie", "authorization"):
        assert text.lower() not in written.lower()
    assert server.requests[0].headers["x-team"] == "blue-team-77"


@pytest.mark.parametrize("header", ["x-api-key", "x-goog-api-key"])
def test_keys_of_providers_are_taken_out_of_answers(serve: Serve, file: Path, header: str) -> None:
    def refusal(request: Any) -> bytes:
        return wire.answer({"error": {"message": f"bad key {request.headers[header]}"}}, 401)

    url = serve(refusal).url
    kind: Any = AnthropicClient if header == "x-api-key" else GeminiClient
    client = kind(api_key=KEY, base_url=url, model="m")
    with cassette(file), pytest.raises(Exception, match="bad key"):
        client.chat(HELLO)
    assert KEY not in file.read_text("utf-8")
    assert "bad key ****" in file.read_text("utf-8")


def test_addresses_lose_users_and_the_fields_that_hold_keys() -> None:
    url = "https://me:pass@host.example/v1/x?key=abc&page=2&access_token=t&Signature=zz"
    masked = f"https://host.example/v1/x?key={MASK}&page=2&access_token={MASK}&Signature={MASK}"
    assert Scrubber(()).url(url) == masked


@pytest.mark.parametrize("url", ["https://me@[::1/x", "https://me:a@b@[", "//me@x", "@"])
def test_addresses_that_are_none_are_no_reason_to_fail(url: str) -> None:
    assert "https://me" not in Scrubber(()).url(url)


def test_another_key_finds_what_was_recorded_with_one(serve: Serve, file: Path) -> None:
    prompt = [{"role": "user", "content": f"is {KEY} a key?"}]
    url = serve(wire.answer(saying("Yes."))).url
    with cassette(file), LLM(LLMConfig(base_url=url, api_key=KEY)) as llm:
        llm.chat_completion(prompt)
    other = [{"role": "user", "content": "is sk-other-99 a key?"}]
    with cassette(file, pace=0), LLM(LLMConfig(base_url=NOWHERE, api_key="sk-other-99")) as llm:
        assert llm.chat_completion(other).text == "Yes."


def test_a_placeholder_in_place_of_a_key_garbles_nothing(serve: Serve, file: Path) -> None:
    prompt = [{"role": "user", "content": "a test of content"}]
    url = serve(wire.answer(saying("This is a test."))).url
    for address, key in ((url, "test"), (NOWHERE, "content")):
        with cassette(file, pace=0), LLM(LLMConfig(base_url=address, api_key=key)) as llm:
            assert llm.chat_completion(prompt).text == "This is a test."
    assert "a test of content" in file.read_text("utf-8")


def test_a_key_across_pieces_of_a_stream_is_masked_and_times_are_kept() -> None:
    pieces = [(0.1, b"one sk-"), (0.2, b"abc"), (0.3, b"123 two"), (0.4, b" three")]
    clean = Scrubber(["sk-abc123"]).pieces(pieces)
    assert clean == [(0.3, f"one {MASK} two".encode()), (0.4, b" three")]


def test_secrets_are_known_by_their_headers_names() -> None:
    headers = {"Authorization": Secret("Bearer sk-1234567"), "X-Team": Secret("blue-77")}
    assert secrets_of(headers) == ("sk-1234567",)


def test_a_scrubber_does_not_print_its_keys() -> None:
    assert "sk-abc123" not in repr(Scrubber(["sk-abc123"]))
