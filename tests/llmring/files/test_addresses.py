"""Files at web addresses go to providers that fetch them, and are downloaded for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from cloud import close_all_cloud_clients
from llmring import FileProcessingError, LLMRequest, LLMRing, Message
from llmring.exceptions import ProviderRequestError
from llmring.file_utils import create_file_content, create_image_content
from llmring.files import download as downloads
from llmring.files.addresses import address_in
from tests.llmring.files.contents import PDF, PNG, encoded
from tests.llmring.files.keeper import Keeper
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer

FILES = {
    "/a.png": wire.answer(PNG, content_type="image/png"),
    "/a.pdf": wire.answer(PDF, content_type="application/pdf"),
    "/a.csv": wire.answer(b"a,b", content_type="text/csv"),
    "/a.zip": wire.answer(b"PK", content_type="application/zip"),
}
MODELS = {
    "openai": "openai:gpt-6-luna",
    "anthropic": "anthropic:claude-haiku-5-5",
    "google": "google:gemini-x",
    "ollama": "ollama:llama3",
}


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A server with files, which counts as one on the web; addresses are allowed."""

    def serve(request: Request) -> bytes:
        return FILES[request.path]

    monkeypatch.setattr(downloads, "is_public", lambda _: True)
    monkeypatch.setenv("LLMRING_ALLOW_REMOTE_URLS", "1")
    with ScriptedServer((serve,)) as server:
        yield server


def ask(model: str, content: Any) -> None:
    async def main() -> None:
        async with LLMRing() as ring:
            said = [Message(role="user", content=content)]
            await ring.chat(LLMRequest(model=model, messages=said))
        await close_all_cloud_clients()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("provider", "path"),
    [("openai", "/a.png"), ("anthropic", "/a.png"), ("anthropic", "/a.pdf"), ("google", "/a.png"),
     ("google", "/a.pdf")],
)  # fmt: skip
def test_a_provider_that_fetches_addresses_is_given_them(
    provider: str, path: str, keeper: Keeper, web: ScriptedServer
) -> None:
    ask(MODELS[provider], create_file_content(web.url + path, "Look"))
    assert web.url + path in str(keeper.parts())
    assert web.requests == []


def test_ollama_is_given_what_lies_at_an_address(keeper: Keeper, web: ScriptedServer) -> None:
    content = [
        *create_image_content(web.url + "/a.png", "Look"),
        *create_file_content(web.url + "/a.csv"),
    ]
    before = str(content)
    ask(MODELS["ollama"], content)
    (message,) = keeper.world.body()["messages"]
    assert message["images"] == [encoded(PNG)]
    assert message["content"] == "Look\na.csv\n\na,b"
    assert str(content) == before


def test_openai_is_given_the_pdf_that_it_does_not_fetch(
    keeper: Keeper, web: ScriptedServer
) -> None:
    ask(MODELS["openai"], create_file_content(web.url + "/a.pdf"))
    url = f"data:application/pdf;base64,{encoded(PDF)}"
    assert keeper.parts() == [{"type": "file", "file": {"filename": "a.pdf", "file_data": url}}]


def test_what_a_model_does_not_take_is_refused(keeper: Keeper, web: ScriptedServer) -> None:
    with pytest.raises(FileProcessingError, match=r"'application/zip'.*it takes text and images"):
        ask(MODELS["ollama"], create_file_content(web.url + "/a.zip"))


def test_without_leave_nothing_is_downloaded(
    keeper: Keeper, web: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMRING_ALLOW_REMOTE_URLS", "0")
    part = {"type": "image_url", "image_url": {"url": web.url + "/a.png"}}
    with pytest.raises(ProviderRequestError, match="Ollama fetches nothing"):
        ask(MODELS["ollama"], [part])
    assert web.requests == []


URL = "https://x.test/a"
ADDRESSES: dict[str, tuple[Any, tuple[str, str] | None]] = {
    "image_url": ({"type": "image_url", "image_url": {"url": URL}}, ("image", URL)),
    "bare image_url": ({"type": "image_url", "image_url": URL}, ("image", URL)),
    "image": ({"type": "image", "source": {"type": "url", "url": URL}}, ("image", URL)),
    "document": ({"type": "document", "source": {"type": "url", "url": URL}}, ("document", URL)),
    "file": ({"type": "file", "file": {"file_data": URL}}, ("document", URL)),
    "uploaded": ({"type": "file", "file": {"file_id": URL}}, None),
    "data URL": ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}, None),
    "text": ({"type": "text", "text": URL}, None),
    "no file": ({"type": "file", "file": None}, None),
    "no source": ({"type": "image"}, None),
    "no part": (URL, None),
}


@pytest.mark.parametrize(("part", "found"), ADDRESSES.values(), ids=ADDRESSES)
def test_addresses_are_found_in_both_forms(part: Any, found: tuple[str, str] | None) -> None:
    assert address_in(part) == found
