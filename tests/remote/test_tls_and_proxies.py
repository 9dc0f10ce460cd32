"""Certificates are checked, deadlines hold over TLS, and proxies are the environment's."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from LLM import LLMConfig, LLMConfigError, LLMConnectionError, LLMTimeoutError, environment
from tests.remote import wire
from tests.remote.conftest import MESSAGES
from tests.remote.scripted_server import Connection, ScriptedServer, close, hang, wait

pytestmark = pytest.mark.slow

AUTHORITY = trustme.CA()
BUNDLE_VARIABLES = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]


@pytest.fixture(autouse=True)
def no_bundle_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in BUNDLE_VARIABLES:
        monkeypatch.delenv(variable, raising=False)


class TLSServer(ScriptedServer):
    """The scripted server behind TLS, with a certificate for localhost."""

    def __post_init__(self) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert("localhost").configure_cert(self.context)
        super().__post_init__()
        self.url = f"https://localhost:{self.port}"

    def _serve(self, sock: Any, number: int) -> None:
        try:
            wrapped = self.context.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()
            return
        super()._serve(wrapped, number)


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """The file that says whom to trust."""
    path = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def server() -> Iterator[Callable[..., TLSServer]]:
    started: list[TLSServer] = []

    def start(*scripts: Any) -> TLSServer:
        started.append(TLSServer(scripts))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_a_trusted_certificate_is_taken(server: Any, client: Any, bundle: str) -> None:
    tls = server(wire.answer(wire.CHAT))
    assert client(tls, verify=bundle).chat_completion(MESSAGES).text == "Hello!"


@pytest.mark.parametrize("variable", BUNDLE_VARIABLES)
def test_the_environment_names_the_bundle(
    server: Any, client: Any, bundle: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, bundle)
    assert client(server(wire.answer(wire.CHAT))).chat_completion(MESSAGES).text == "Hello!"


def test_an_unknown_certificate_is_refused(server: Any, client: Any) -> None:
    tls = server(wire.answer(wire.CHAT))
    with pytest.raises(LLMConnectionError, match=r"no TLS connection.*`verify`") as caught:
        client(tls, max_retries=3).chat_completion(MESSAGES)
    assert (caught.value.code, tls.requests) == ("tls", [])


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_checking_can_be_turned_off(server: Any, client: Any) -> None:
    tls = server(wire.answer(wire.CHAT))
    assert client(tls, verify=False).chat_completion(MESSAGES).text == "Hello!"


def test_a_missing_bundle_is_named(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(LLMConfigError, match=r"SSL_CERT_FILE names '/nowhere/ca\.pem'"):
        world(LLMConfig(base_url="https://host"))


def test_streams_and_deadlines_work_over_tls(server: Any, client: Any, bundle: str) -> None:
    events = wire.stream_answer(wire.CHAT_EVENTS)
    tls = server(events, [events[:-60], hang])
    llm = client(tls, verify=bundle, timeout=1.0)
    with llm.chat_completion(MESSAGES, stream=True) as stream:
        assert stream.response.text == "Hello!"
    with pytest.raises(LLMTimeoutError) as caught:
        list(llm.chat_completion(MESSAGES, stream=True))
    assert caught.value.deadline == "between_chunks"
    assert tls.connections == 1, "the finished stream's connection was used again"


def test_a_handshake_that_never_ends_meets_the_deadline(client: Any) -> None:
    with ScriptedServer(([wait(5)],), on_connect=[wait(5)]) as mute:
        llm = client(mute.url.replace("http://", "https://"), timeout=0.3)
        with pytest.raises(LLMTimeoutError) as caught:
            llm.chat_completion(MESSAGES)
    assert caught.value.deadline == "connect"


def test_a_handshake_that_breaks_off_is_tried_again(client: Any) -> None:
    with ScriptedServer((b"",), on_connect=[close]) as leaving:
        llm = client(leaving.url.replace("http://", "https://"), max_retries=2)
        with pytest.raises(LLMConnectionError) as caught:
            llm.chat_completion(MESSAGES)
        assert (caught.value.code, leaving.connections) == ("connect", 3)


def test_a_proxy_of_the_environment_carries_the_call(
    serve: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(wire.answer(wire.CHAT))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)
    assert client("http://api.example").chat_completion(MESSAGES).text == "Hello!"
    assert proxy.requests[0].path == "http://api.example/v1/chat/completions"


def test_a_tls_proxy_gets_a_tunnel_and_no_key(
    serve: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = serve(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
    monkeypatch.setenv("https_proxy", refusing.url)
    with pytest.raises(LLMConnectionError, match="proxy") as caught:
        client("https://api.example").chat_completion(MESSAGES)
    assert refusing.requests[0].method == "CONNECT"
    assert "authorization" not in refusing.requests[0].headers
    assert caught.value.code == "connect"


def test_a_tunnel_through_a_tls_proxy_carries_the_call(
    server: Any, client: Any, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = server(wire.stream_answer(wire.CHAT_EVENTS), [wire.UNTIL_CLOSE, hang])

    def tunnel(connection: Connection) -> None:
        with socket.create_connection(("127.0.0.1", origin.port)) as inner:
            connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            join(connection.sock, inner)
        connection.close()

    proxy = server([tunnel])
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.setattr(environment, "is_loopback", lambda host: False)
    llm = client(origin, verify=bundle, timeout=1.0)
    assert llm.chat_completion(MESSAGES, stream=True).response.text == "Hello!"
    with pytest.raises(LLMTimeoutError):
        list(llm.chat_completion(MESSAGES, stream=True))
    assert [request.method for request in proxy.requests] == ["CONNECT"]


def join(left: Any, right: Any) -> None:
    """Carry bytes both ways until either side ends.

    In one thread: a TLS socket that one thread reads while another writes breaks now and then
    (OpenSSL's connections are not made for it, and Python locks them from 3.13 on).
    """
    other = {left: right, right: left}
    with contextlib.suppress(OSError):
        while True:
            # What TLS has already decrypted does not make a socket readable.
            decrypted = [side for side in other if getattr(side, "pending", int)()]
            for side in decrypted or select.select([left, right], [], [])[0]:
                data = side.recv(65536)
                if not data:
                    return
                other[side].sendall(data)


def test_a_proxy_that_drips_meets_the_deadline(
    serve: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drip(connection: Connection) -> None:
        for byte in b"HTTP/1.1 200 Connection established, and so on and so forth":
            connection.send(bytes([byte]))
            connection.wait(0.05)

    monkeypatch.setenv("https_proxy", serve([drip]).url)
    with pytest.raises(LLMConnectionError):
        client("https://api.example", timeout=0.3).chat_completion(MESSAGES)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_never_reached_through_a_proxy(
    serve: Any, client: Any, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    server, trap = serve(wire.answer(wire.CHAT)), serve(b"")
    monkeypatch.setenv("http_proxy", trap.url)
    monkeypatch.setenv("all_proxy", trap.url)
    llm = client(server.url.replace("127.0.0.1", host))
    assert llm.chat_completion(MESSAGES).text == "Hello!"
    assert trap.connections == 0


def test_a_name_that_only_begins_like_this_machine_is_proxied(
    serve: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(wire.answer(wire.CHAT))
    monkeypatch.setenv("http_proxy", proxy.url)
    client("http://localhost.example").chat_completion(MESSAGES)
    assert proxy.connections == 1


def test_the_environment_is_read_once(
    serve: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, late = serve(wire.answer(wire.CHAT)), serve(b"")
    monkeypatch.setenv("http_proxy", proxy.url)
    llm = client("http://api.example")
    monkeypatch.setenv("http_proxy", late.url)
    llm.chat_completion(MESSAGES)
    assert (proxy.connections, late.connections) == (1, 0)
