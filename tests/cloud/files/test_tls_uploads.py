"""Uploads over TLS: the origin's scheme counts, and so do deadlines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cloud.llm import LLMResponseError, LLMTimeoutError
from tests.cloud.files.uploads import (
    Twin,
    accepted,
    both_twins,
    content_of,
    google_upload_url,
    uploaded,
)
from tests.remote import wire
from tests.remote.scripted_server import Connection, Request
from tests.remote.test_tls_and_proxies import AUTHORITY, TLSServer

pytestmark = pytest.mark.slow

CONTENT = bytes(range(256)) * 4 * 1024


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """The file that says whom to trust."""
    path = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return str(path)


def beginning(change: Callable[[str], str]) -> Callable[[Request], bytes]:
    """A server that names an address for the content."""

    def script(request: Request) -> bytes:
        url = change(google_upload_url(request))
        return wire.answer({}, headers=[("X-Goog-Upload-URL", url)])

    return script


@both_twins
def test_content_arrives_whole_over_tls(twin: Twin, bundle: str) -> None:
    begin = beginning(lambda url: url.replace("http://", "https://"))
    with TLSServer((begin, accepted("Gemini"))) as server:
        settings = {"base_url": server.url, "verify": bundle}
        found = twin("Gemini", "upload_file", CONTENT, filename="a.pdf", client=settings)
    assert found == uploaded("Gemini")
    assert content_of(server.requests[1]) == CONTENT


@both_twins
def test_content_is_not_sent_without_tls(twin: Twin, bundle: str) -> None:
    with TLSServer((beginning(str),)) as server:
        settings = {"base_url": server.url, "verify": bundle}
        with pytest.raises(LLMResponseError, match="another origin"):
            twin("Gemini", "upload_file", CONTENT, filename="a.pdf", client=settings)
    assert server.connections == 1


@both_twins
def test_an_upload_over_tls_ends_at_its_deadline(twin: Twin, bundle: str) -> None:
    def slow(connection: Connection) -> None:
        while connection.sock.recv(16 * 1024):
            connection.wait(0.02)

    with TLSServer((b"",), on_connect=[slow]) as server:
        settings = {"base_url": server.url, "verify": bundle}
        with pytest.raises(LLMTimeoutError, match=r"within 0\.5 s"):
            twin("OpenAICompat", "upload_file", CONTENT * 16, timeout=0.5, client=settings)
