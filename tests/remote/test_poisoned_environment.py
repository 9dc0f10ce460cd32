"""What stands in the environment and in home directories reaches no server that was not named."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from LLM import LLMConfig, LLMConfigError, LLMConnectionError
from tests.remote import wire
from tests.remote.conftest import MESSAGES

pytestmark = pytest.mark.slow

PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"]


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials for this machine, in both places where libraries look."""
    path = tmp_path / ".netrc"
    path.write_text("machine 127.0.0.1 login mallory password stolen\ndefault login m password s\n")
    path.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(path))


@pytest.mark.parametrize(("key", "sent"), [("sk-key-1234", "Bearer sk-key-1234"), (None, None)])
def test_netrc_gives_no_credentials(call, serve, client, netrc, key, sent):
    server = serve(call.good)
    call.run(client(server, api_key=key))
    assert server.requests[0].headers.get("authorization") == sent


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("variable", PROXIES)
def test_proxy_is_not_asked_for_this_machine(call, serve, client, monkeypatch, variable, host):
    trap = serve(wire.answer({"error": {"message": "caught"}}, 407))
    monkeypatch.setenv(variable, trap.url)
    server = serve(call.good)
    assert call.run(client(server.url.replace("127.0.0.1", host)))
    assert trap.connections == 0


@pytest.mark.parametrize("value", ["::::", "http://", "x y z", "http://127.0.0.1:99999", "\x7f"])
def test_broken_proxy_variables_do_not_matter_for_this_machine(serve, client, monkeypatch, value):
    for variable in PROXIES:
        monkeypatch.setenv(variable, value)
    assert client(serve(wire.answer(wire.CHAT))).chat_completion(MESSAGES)


@pytest.mark.parametrize(
    "proxy",
    ["http://u:secret-pw@127.0.0.1:99999", "http://u:secret-pw@", "http://u:secret-pw@[::1",
     "http://u:secret-pw@\x7f:1", "socks5://u:secret-pw@127.0.0.1:1",
     "u:secret-pw@127.0.0.1:1"],
    ids=ascii,
)  # fmt: skip
def test_broken_proxy_is_named_without_its_password(world, monkeypatch, caplog, proxy):
    for variable in PROXIES:
        monkeypatch.setenv(variable, proxy)
    with pytest.raises(LLMConfigError, match="HTTP_PROXY") as caught:
        world(LLMConfig(base_url="http://api.invalid"))
    assert "secret-pw" not in "".join(traceback.format_exception(caught.value)) + caplog.text


def test_proxy_may_be_named_without_a_scheme(serve, client, monkeypatch):
    proxy = serve(wire.answer(wire.CHAT))
    for variable in PROXIES:
        monkeypatch.setenv(variable, f"127.0.0.1:{proxy.port}")
    assert client("http://api.invalid").chat_completion(MESSAGES)


def test_dead_proxy_is_a_connection_error_without_its_password(monkeypatch, caplog, client):
    caplog.set_level("DEBUG")
    for variable in PROXIES:
        monkeypatch.setenv(variable, "http://u:secret-pw@127.0.0.1:1")
    with pytest.raises(LLMConnectionError, match="proxy") as caught:
        client("http://api.invalid").chat_completion(MESSAGES)
    assert "secret-pw" not in "".join(traceback.format_exception(caught.value)) + caplog.text


def test_foreign_settings_are_not_sent(call, serve, client, monkeypatch):
    variables = ["OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_ORGANIZATION", "OPENAI_PROJECT_ID"]
    variables += ["ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY", "OPENAI_CUSTOM_HEADERS"]
    for variable in variables:
        monkeypatch.setenv(variable, f"foreign-{variable}")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    server = serve(call.good)
    call.run(client(server, api_key=None))
    request = server.requests[0]
    assert "authorization" not in request.headers
    assert not any("foreign" in value for value in request.headers.values())
    assert set(request.headers) <= {
        "host", "accept", "accept-encoding", "connection", "content-length", "content-type",
        "user-agent",
    }  # fmt: skip


def test_missing_bundle_does_not_matter_for_plain_http(call, serve, client, monkeypatch):
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(variable, "/nowhere/ca.pem")
    assert call.run(client(serve(call.good)))


def test_missing_bundle_is_named_for_https(world, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(LLMConfigError, match=r"REQUESTS_CA_BUNDLE names '/nowhere/ca\.pem'"):
        world(LLMConfig(base_url="https://localhost:9"))


def test_two_thousand_variables_do_not_matter(call, serve, client, monkeypatch):
    for n in range(2000):
        monkeypatch.setenv(f"POISON_{n}", "x" * 100)
    assert call.run(client(serve(call.good)))
