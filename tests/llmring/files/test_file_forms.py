"""Each provider gets a registered file in the form that its models take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmring import FileSizeError, LLMRing, Message
from llmring.files import forms
from llmring.providers.openai.provider import OpenAIProvider
from tests.cloud.official_types import JUDGES
from tests.llmring.files.asking import (
    ANTHROPIC,
    CODE,
    GOOGLE,
    LOCAL,
    OLLAMA,
    OPENAI,
    asked,
    asking,
    refused,
    with_ring,
)
from tests.llmring.files.contents import PDF, PNG, encoded
from tests.llmring.files.keeper import Keeper

pytestmark = [pytest.mark.usefixtures("files"), pytest.mark.slow]


SOURCE = {"type": "file", "file_id": "file_a0"}
URI = "https://generativelanguage.googleapis.com/v1beta/files/g0"
#: The part that a provider is sent for a file; its upload's type, where there is one.
SENT: dict[tuple[str, str], tuple[Any, str | None]] = {
    (OPENAI, "a.pdf"): ({"type": "file", "file": {"file_id": "file-o0"}}, "application/pdf"),
    (OPENAI, "a.csv"): ({"type": "text", "text": "a.csv\n\na,b\n1,2\n"}, None),
    (OPENAI, "a.png"): (
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded(PNG)}"}},
        None,
    ),
    (ANTHROPIC, "a.pdf"): (
        {"type": "document", "source": SOURCE, "title": "a.pdf"},
        "application/pdf",
    ),
    (ANTHROPIC, "a.txt"): ({"type": "document", "source": SOURCE, "title": "a.txt"}, "text/plain"),
    (ANTHROPIC, "a.png"): ({"type": "image", "source": SOURCE}, "image/png"),
    (ANTHROPIC, "a.csv"): (
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "a,b\n1,2\n"},
            "title": "a.csv",
        },
        None,
    ),
    (GOOGLE, "a.pdf"): (
        {"fileData": {"mimeType": "application/pdf", "fileUri": URI}},
        "application/pdf",
    ),
    (GOOGLE, "a.csv"): ({"fileData": {"mimeType": "text/csv", "fileUri": URI}}, "text/csv"),
    (GOOGLE, "a.png"): ({"fileData": {"mimeType": "image/png", "fileUri": URI}}, "image/png"),
}


@pytest.mark.parametrize(("model", "path"), SENT, ids=[f"{m} {p}" for m, p in SENT])
def test_each_provider_gets_the_form_that_it_takes(model: str, path: str, keeper: Keeper) -> None:
    part, media_type = SENT[model, path]
    asked(model, path)
    judge = JUDGES[model.partition(":")[0].replace("google", "gemini")]()
    judge(keeper.world.body())
    assert keeper.parts()[0] == part
    assert keeper.parts()[1]["text"] == "Sum up"
    assert [(file.media_type, file.name) for file in keeper.uploads] == (
        [(media_type, path)] if media_type else []
    )
    assert all(file.data == Path(path).read_bytes() for file in keeper.uploads)


@pytest.mark.parametrize("path", ["a.csv", "a.zip", "a.png", "a.pdf"])
def test_code_that_runs_at_anthropic_gets_any_file(path: str, keeper: Keeper) -> None:
    asked(ANTHROPIC, path, tools=CODE)
    JUDGES["anthropic"]()(keeper.world.body())
    assert keeper.parts()[0] == {"type": "container_upload", "file_id": "file_a0"}
    (kept,) = keeper.uploads
    assert (kept.data, kept.provider) == (Path(path).read_bytes(), "anthropic")


def test_ollama_gets_texts_and_images_in_the_message(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> None:
        ids = [ring.register_file(path) for path in ("a.csv", "a.png")]
        await ring.chat(asking(OLLAMA, *ids))

    with_ring(use)
    (message,) = keeper.world.body()["messages"]
    assert message["content"] == "a.csv\n\na,b\n1,2\n\nSum up"
    assert message["images"] == [encoded(PNG)]


def test_a_model_in_this_process_reads_a_text(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> Any:
        plain = await ring.chat(asking(LOCAL))
        return plain, await ring.chat(asking(LOCAL, ring.register_file("a.csv")))

    plain, told = with_ring(use)
    assert told.usage["prompt_tokens"] > plain.usage["prompt_tokens"]


def test_an_address_that_speaks_openais_language_gets_files_in_the_message(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> None:
        ring.register_provider("mine", base_url=keeper.world.server.url, api_key="none")
        await ring.chat(asking("mine:x", ring.register_file("a.pdf")))

    with_ring(use)
    url = f"data:application/pdf;base64,{encoded(PDF)}"
    assert keeper.parts()[0] == {"type": "file", "file": {"filename": "a.pdf", "file_data": url}}
    assert keeper.uploads == []


@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC, GOOGLE, OLLAMA, LOCAL])
def test_what_a_model_does_not_take_is_refused_with_what_it_takes(model: str) -> None:
    message = str(refused(model, "a.zip"))
    assert "'application/zip'" in message
    assert f"{model} does not take; it takes" in message
    assert "text" in message


def test_ollama_has_no_form_for_a_pdf() -> None:
    assert "it takes text and images" in str(refused(OLLAMA, "a.pdf"))


def test_a_model_that_cannot_see_is_sent_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    class Facts:
        supports_vision = False
        is_reasoning_model = supports_temperature = None

    monkeypatch.setattr("llmring.registry.Registry.model", lambda *_: Facts())
    assert "cannot see" in str(refused(OPENAI, "a.png"))


def test_text_that_is_no_utf_8_is_refused() -> None:
    Path("a.csv").write_bytes(b"caf\xe9")
    assert "UTF-8" in str(refused(OPENAI, "a.csv"))


def test_the_request_stays_as_it_is(keeper: Keeper) -> None:
    request = asking(OPENAI)
    parts = [{"type": "text", "text": "One"}]
    request.messages[0].content = parts

    async def use(ring: LLMRing) -> None:
        request.files = [ring.register_file("a.txt")]
        before = request.model_dump()
        await ring.chat(request)
        assert request.model_dump() == before

    with_ring(use)
    assert request.messages[0].content is parts
    assert [part["text"] for part in keeper.parts()] == ["a.txt\n\nhi", "One"]


def test_files_stand_before_what_the_user_says_last(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> None:
        request = asking(OPENAI, ring.register_file("a.txt"))
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        request.messages += [
            Message(role="assistant", tool_calls=[call]),
            Message(role="tool", tool_call_id="c", content="1"),
        ]
        await ring.chat(request)

    with_ring(use)
    user, assistant, tool = keeper.world.body()["messages"]
    assert [part["text"] for part in user["content"]] == ["a.txt\n\nhi", "Sum up"]
    assert (assistant["role"], tool["role"]) == ("assistant", "tool")


def test_a_provider_is_sent_no_file_larger_than_it_keeps(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(*_: Any) -> forms.FileForms:
        return replace(forms.OPENAI, max_size_bytes=10)

    monkeypatch.setattr(OpenAIProvider, "file_forms", small)
    with pytest.raises(FileSizeError, match="'openai' keeps files of at most 10"):
        asked(OPENAI, "a.pdf")
    assert keeper.uploads == []


def test_what_fits_into_no_message_is_refused() -> None:
    with open("large.txt", "wb") as file:
        file.truncate(51 * 1024**2)
    with pytest.raises(FileSizeError, match="fit into a request"):
        asked(OPENAI, "large.txt")
