"""Who may ask: keys, Host names, origins; and the marks on every answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from LLM import LLMConfigError
from local_llm_kit.server import LocalServer, ServerOptions
from local_llm_kit.server.cors import CrossOrigin
from local_llm_kit.server.guard import Access, Guard
from local_llm_kit.server.options import api_keys
from tests.local.http import Answer, ask
from tests.local.support import running_server

KEY = "sk-local-test"
APP = "https://app.example"
MODELS = "/v1/models"


@pytest.fixture(scope="module")
def opened() -> Iterator[LocalServer]:
    """Pages of one origin may read its answers, and a proxy's name stands before it."""
    options = {"cors_origins": [APP, "app://obsidian.md"], "allowed_hosts": ["llm.example"]}
    with running_server(api_key=KEY, **options) as server:
        yield server


def preflight(server: LocalServer, origin: str, path: str = MODELS) -> Answer:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return ask(server.url, path, method="OPTIONS", headers=headers)


def cors(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-")}


@pytest.mark.parametrize("origin", [APP, "app://obsidian.md"])
def test_a_named_origin_may_ask_and_read(opened: LocalServer, origin: str) -> None:
    headers = {"Origin": origin, "Authorization": f"Bearer {KEY}"}
    answer = ask(opened.url, MODELS, headers=headers)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "origin"
    assert "access-control-allow-credentials" not in answer.headers


def test_a_browser_may_ask_first_without_the_key(opened: LocalServer) -> None:
    answer = preflight(opened, APP)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-headers"] == "authorization, *"
    assert "POST" in answer.headers["access-control-allow-methods"]


def test_a_refusal_can_be_read_by_the_page_too(opened: LocalServer) -> None:
    answer = ask(opened.url, MODELS, headers={"Origin": APP})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, APP)


@pytest.mark.parametrize(
    "origin",
    ["https://app.example.evil.com", "https://evil.com", "http://app.example", "null",
     "https://app.example:444", "HTTPS://APP.EXAMPLE", "http://localhost:3000"],
)  # fmt: skip
def test_no_other_origin_is_told_that_it_may(opened: LocalServer, origin: str) -> None:
    headers = {"Origin": origin, "Authorization": f"Bearer {KEY}"}
    for answer in (ask(opened.url, MODELS, headers=headers), preflight(opened, origin)):
        assert not cors(answer)
        assert answer.headers["vary"] == "origin"


def test_two_origins_are_none(opened: LocalServer) -> None:
    headers = {"Origin": f"{APP}\r\nOrigin: {APP}", "Authorization": f"Bearer {KEY}"}
    assert not cors(ask(opened.url, MODELS, headers=headers))


def test_any_origin_may_read_with_the_key_where_all_are_let_in() -> None:
    with running_server(api_key=KEY, cors_origins=["*"]) as server:
        headers = {"Origin": "https://any.example", "Authorization": f"Bearer {KEY}"}
        answer = ask(server.url, MODELS, headers=headers)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")
        assert ask(server.url, MODELS, headers={"Origin": "https://any.example"}).status == 401


def test_an_origin_does_not_open_another_host(opened: LocalServer) -> None:
    headers = {"Origin": APP, "Host": "evil.com", "Authorization": f"Bearer {KEY}"}
    answer = ask(opened.url, MODELS, headers=headers)
    assert (answer.status, answer.error["code"]) == (403, "host_not_allowed")


@pytest.mark.parametrize(
    "origin", ["https://app.example/", "app.example", "https://", "https://*.example", "null", "*"]
)
def test_what_is_no_origin_or_too_much_is_refused(origin: str) -> None:
    with pytest.raises(LLMConfigError, match="cors_origins"):
        CrossOrigin([origin], has_key=False)


@pytest.mark.parametrize("host", ["llm.example", "LLM.EXAMPLE:443", "localhost"])
def test_a_proxys_name_passes_beside_loopbacks(opened: LocalServer, host: str) -> None:
    headers = {"Host": host, "Authorization": f"Bearer {KEY}"}
    assert ask(opened.url, MODELS, headers=headers).status == 200


def answer_to(guard: Guard, host: str) -> Any:
    headers = [(b"host", host.encode()), (b"authorization", f"Bearer {KEY}".encode())]
    scope = {"method": "GET", "path": MODELS, "raw_path": MODELS.encode(), "headers": headers}
    return guard.answer(scope)


def test_beyond_this_machine_any_name_passes_unless_some_are_given() -> None:
    assert answer_to(Guard(Access((KEY,), None)), "any.example") is None
    named = Guard(Access((KEY,), frozenset(("llm.example",))))
    assert answer_to(named, "llm.example") is None
    assert answer_to(named, "any.example").status_code == 403


def test_a_server_beyond_this_machine_with_names_takes_no_other() -> None:
    options = {"host": "0.0.0.0", "api_key": KEY, "allowed_hosts": ["llm.example"]}
    with running_server(**options) as server:
        url = f"http://127.0.0.1:{server.port}"
        for host, status in (("llm.example", 200), ("127.0.0.1", 200), ("evil.com", 403)):
            headers = {"Host": host, "Authorization": f"Bearer {KEY}"}
            assert ask(url, MODELS, headers=headers).status == status


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer one"}, {"Authorization": "bearer  two"}, {"x-api-key": "two"}],
    ids=str,
)
def test_each_key_of_a_file_opens_as_either_kind_of_client_sends_it(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("# for Ann\none\n\n  two  \n")
    with running_server(api_key_file=keys) as server:
        assert ask(server.url, MODELS, headers=headers).status == 200
        assert ask(server.url, MODELS, headers={"Authorization": "Bearer three"}).status == 401
        assert ask(server.url, MODELS, headers={"Authorization": "Bearer # for Ann"}).status == 401


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"# none\n", "has no key"), (b"two words\n", "without spaces"), (b"\xff", "not UTF-8"),
     (b"k" * 2000, "at most"), (b"k\n" * (1 << 20), "larger than")],
    ids=["empty", "spaces", "bytes", "long", "large"],
)  # fmt: skip
def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)
    with pytest.raises(LLMConfigError, match=said) as caught:
        api_keys(ServerOptions(api_key_file=path), {})
    assert "two words" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LLMConfigError, match="No such file"):
        api_keys(ServerOptions(api_key_file=tmp_path / "keys"), {})


@pytest.mark.parametrize(
    ("options", "environ", "keys"),
    [
        ({}, {}, ()),
        ({}, {"LOCAL_LLM_KIT_API_KEY": ""}, ()),
        ({}, {"LOCAL_LLM_KIT_API_KEY": "e"}, ("e",)),
        ({"api_key": "a"}, {"LOCAL_LLM_KIT_API_KEY": "e"}, ("a",)),
    ],
    ids=["none", "empty", "environment", "given"],
)
def test_the_environments_key_counts_where_none_is_given(
    options: Any, environ: dict[str, str], keys: tuple[str, ...]
) -> None:
    assert api_keys(ServerOptions(**options), environ) == keys


def test_options_do_not_show_the_key() -> None:
    assert KEY not in repr(ServerOptions(api_key=KEY))


@pytest.mark.parametrize(
    "options",
    [{"grace_s": -1}, {"grace_s": float("nan")}, {"grace_s": 1e9}, {"aliases": "gpt-4"},
     {"models": [""]}, {"allowed_hosts": [1]}, {"cors_origins": "*"}],
    ids=str,
)  # fmt: skip
def test_options_that_cannot_be_meant_are_refused(options: Any) -> None:
    with pytest.raises(LLMConfigError, match=next(iter(options))):
        ServerOptions(**options)


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/metrics", "/v1/nothing"])
def test_every_answer_is_marked(server: LocalServer, path: str) -> None:
    headers = ask(server.url, path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert (
        headers["x-request-id"]
        == headers["request-id"]
        != ask(server.url, path).headers["x-request-id"]
    )
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/health", "/", "/v1/models", "/metrics"])
def test_a_head_has_the_headers_and_no_body(server: LocalServer, path: str) -> None:
    answer = ask(server.url, path, method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == ask(server.url, path).headers["content-type"]
