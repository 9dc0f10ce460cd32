"""Where a registry can be, and what it may answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from LLM.exceptions import LLMConfigError, LLMConnectionError, LLMTimeoutError
from llmring.exceptions import ConfigurationError, RegistryError
from llmring.registry.reading import MAX_REGISTRY_BYTES
from llmring.registry.source import RegistrySource, checked_url
from tests.llmring.registry.support import entry, registry_file
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer, close, hang


def read(url: str, provider: str = "openai", version: int | None = None) -> bytes:
    return asyncio.run(RegistrySource(url, timeout_s=0.6).read(provider, version))


@pytest.mark.parametrize(
    "url",
    ["https://registry.example/r", "http://127.0.0.1:8000", "http://localhost/r", "file:///a/b",
     "http://[::1]:80"],
)  # fmt: skip
def test_a_registry_can_be_at(url: str) -> None:
    assert checked_url(url + "/") == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://registry.example", "is not encrypted"),
        ("http://127.0.0.1.example", "is not encrypted"),
        ("ftp://registry.example", "no address of a registry"),
        ("registry.example", "no address of a registry"),
        ("", "is no address"),
        ("https://", "no address of a registry"),
        ("https://a b", "is no address"),
        ("https://a:99999", "invalid port"),
        ("https://[::1", "invalid port or host"),
        ("https://a/?token=1", "a user, a query"),
        ("https://a/#b", "a user, a query"),
        ("file://server/share", "no absolute path"),
        ("file:", "no absolute path"),
    ],
)
def test_a_registry_cannot_be_at(url: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        checked_url(url)
    assert isinstance(caught.value, LLMConfigError)


def test_a_registry_cannot_be_at_a_number() -> None:
    with pytest.raises(ConfigurationError, match="registry_url is 5; give the address as text"):
        checked_url(5)  # type: ignore[arg-type]


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        checked_url("https://me:sk-secret@a/?key=sk-secret")
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("provider", ["..", "a/b", "OpenAI", "", "a" * 65, "%2e"])
def test_a_provider_cannot_lead_elsewhere(provider: str) -> None:
    with pytest.raises(RegistryError, match="no registry has a provider"):
        RegistrySource("file:///a", timeout_s=1.0).file_url(provider)


def test_versions_count_from_one() -> None:
    source = RegistrySource("https://a/r", timeout_s=1.0)
    assert source.file_url("openai", 3) == "https://a/r/openai/v/3/models.json"
    with pytest.raises(RegistryError, match="version 0"):
        source.file_url("openai", 0)


def test_a_file_is_asked_for_once_and_without_credentials(
    serve: Callable[..., ScriptedServer],
) -> None:
    server = serve(wire.answer(b"{}"))
    assert read(server.url + "/r") == b"{}"
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/r/openai/models.json")
    assert "authorization" not in request.headers


@pytest.mark.parametrize("status", [204, 301, 302, 401, 404, 500])
def test_any_status_but_200_is_a_failure(serve: Callable[..., ScriptedServer], status: int) -> None:
    server = serve(wire.answer(b"", status, [("Location", "/elsewhere")]))
    with pytest.raises(RegistryError, match=f"answers {status} for /openai/models.json") as caught:
        read(server.url)
    assert (caught.value.status_code, len(server.requests)) == (status, 1)


@pytest.mark.parametrize(
    ("script", "original"),
    [([hang], LLMTimeoutError), ([close], LLMConnectionError)],
    ids=["silent", "gone"],
)
def test_a_registry_that_does_not_answer_is_a_failure(
    serve: Callable[..., ScriptedServer], script: list[object], original: type[Exception]
) -> None:
    with pytest.raises(RegistryError, match="cannot be read") as caught:
        read(serve(script).url)
    assert isinstance(caught.value.original, original)


def test_a_registry_in_a_folder_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "openai" / "v" / "2" / "models.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(registry_file(entry("m")))
    url = (tmp_path / "a folder").as_uri()
    assert read(url, version=2) == path.read_bytes()
    with pytest.raises(RegistryError, match="No such file"):
        read(url)


def test_no_more_of_a_file_is_read_than_fits(tmp_path: Path) -> None:
    path = tmp_path / "openai" / "models.json"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(2 * MAX_REGISTRY_BYTES)
    assert len(read(tmp_path.as_uri())) == MAX_REGISTRY_BYTES + 1
