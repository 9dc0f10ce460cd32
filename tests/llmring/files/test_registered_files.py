"""Registered files: sent to each provider when first used, known by their content, deleted."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloud import close_all_cloud_clients
from cloud.llm.files import UploadedFile
from llmring import FileProcessingError, FileSizeError, LLMRequest, LLMRing, Message
from llmring.exceptions import ProviderRequestError, ProviderServerError, ValidationError
from llmring.files import forms
from llmring.providers.kept_files import file_metadata
from llmring.providers.openai.provider import OpenAIProvider
from tests.cloud.official_types import JUDGES
from tests.llmring.files.contents import PDF, PNG, encoded
from tests.llmring.files.keeper import Keeper
from tests.remote import wire

OPENAI, ANTHROPIC, GOOGLE = "openai:gpt-6-luna", "anthropic:claude-haiku-5-5", "google:gemini-x"
OLLAMA, LOCAL = "ollama:llama3", "local:tiny"
CODE = [{"type": "code_execution"}]


def asking(model: str, *files: str, **fields: Any) -> LLMRequest:
    said = [Message(role="user", content="Sum up")]
    return LLMRequest(model=model, messages=said, files=list(files), max_tokens=50, **fields)


def with_ring(use: Callable[[LLMRing], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with LLMRing() as ring:
            result = await use(ring)
        await close_all_cloud_clients()
        return result

    return asyncio.run(main())


def asked(model: str, path: str, **fields: Any) -> None:
    """Ask one question about a file that is registered for it."""

    async def use(ring: LLMRing) -> None:
        await ring.chat(asking(model, ring.register_file(path), **fields))

    with_ring(use)


def refused(model: str, path: str, **fields: Any) -> FileProcessingError:
    with pytest.raises(FileProcessingError) as caught:
        asked(model, path, **fields)
    return caught.value


@pytest.fixture(autouse=True)
def files(keeper: Keeper) -> None:
    Path("a.pdf").write_bytes(PDF)
    Path("a.png").write_bytes(PNG)
    Path("a.csv").write_text("a,b\n1,2\n")
    Path("a.txt").write_text("hi")
    Path("a.zip").write_bytes(b"PK\x03\x04")


def test_registering_sends_nothing(keeper: Keeper) -> None:
    ring = LLMRing()
    file_id = ring.register_file("a.csv")
    assert re.fullmatch(r"llmring-file-[0-9a-f-]{36}", file_id)
    (told,) = ring.list_registered_files()
    assert told["id"] == file_id
    assert told["file_path"] == str(Path("a.csv").absolute())
    assert told["content_hash"] == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert told["uploads"] == {}
    assert datetime.fromisoformat(told["registered_at"]).tzinfo is not None
    assert keeper.world.server.requests == []


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


def test_a_file_is_uploaded_once_to_each_provider(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> dict[str, Any]:
        file_id = ring.register_file("a.pdf")
        for model in (OPENAI, ANTHROPIC, OPENAI, GOOGLE, ANTHROPIC):
            await ring.chat(asking(model, file_id, file_id))
        (told,) = ring.list_registered_files()
        return told

    uploads = with_ring(use)["uploads"]
    assert [file.provider for file in keeper.uploads] == ["openai", "anthropic", "google"]
    ids = {name: one["provider_file_id"] for name, one in uploads.items()}
    assert ids == {"openai": "file-o0", "anthropic": "file_a1", "google": "files/g2"}
    assert uploads["google"]["uploaded_at"] == "2026-11-22T04:00:00+00:00"
    assert uploads["google"]["metadata"]["expires_at"] == "2026-11-24T04:00:00+00:00"


def test_a_file_that_has_changed_is_uploaded_anew_and_its_old_copy_deleted(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> Any:
        file_id = ring.register_file("a.pdf")
        await ring.chat(asking(OPENAI, file_id))
        Path("a.pdf").write_bytes(PDF + b"more")
        await ring.chat(asking(OPENAI, file_id))
        return ring.list_registered_files()[0]

    told = with_ring(use)
    assert told["content_hash"] == hashlib.sha256(PDF + b"more").hexdigest()
    assert [file.data for file in keeper.uploads] == [PDF, PDF + b"more"]
    assert (keeper.deleted, keeper.ids) == (["file-o0"], ["file-o1"])
    assert keeper.parts()[0]["file"] == {"file_id": "file-o1"}


def test_a_copy_that_is_about_to_expire_is_replaced(keeper: Keeper) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    keeper.expires = soon.isoformat()

    async def use(ring: LLMRing) -> None:
        file_id = ring.register_file("a.pdf")
        await ring.chat(asking(GOOGLE, file_id))
        keeper.expires = "2999-01-01T00:00:00Z"
        await ring.chat(asking(GOOGLE, file_id))
        await ring.chat(asking(GOOGLE, file_id))

    with_ring(use)
    assert [file.id for file in keeper.uploads] == ["files/g0", "files/g1"]
    assert (keeper.ids, keeper.deleted) == (["files/g1"], ["files/g0"])


def test_a_file_that_never_holds_still_is_given_up(
    keeper: Keeper,
) -> None:
    keeper.on_upload = lambda file: Path("a.pdf").write_bytes(PDF + file.id.encode())
    message = str(refused(OPENAI, "a.pdf"))
    assert "changes all the time" in message
    assert len(keeper.uploads) == 3


GONE = {
    OPENAI: (404, "No such File object: file-o0"),
    ANTHROPIC: (404, "File not found: file_a0"),
    GOOGLE: (403, "You do not have permission to access the File g0 or it may not exist."),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", GONE)
def test_a_copy_that_somebody_has_deleted_is_made_again(
    model: str, streamed: bool, keeper: Keeper
) -> None:
    status, message = GONE[model]
    refusal = wire.answer({"error": {"message": message, "type": "not_found_error"}}, status)

    async def use(ring: LLMRing) -> str:
        file_id = ring.register_file("a.pdf")
        await ring.chat(asking(model, file_id))
        keeper.files.clear()
        keeper.refusals["completions|messages|enerateContent"] = refusal
        keeper.on_upload = lambda _: keeper.refusals.clear()
        if streamed:
            return (await ring.chat_stream(asking(model, file_id)).response).content
        return (await ring.chat(asking(model, file_id))).content

    assert with_ring(use) == "Hello!"
    assert len(keeper.uploads) == 2


@pytest.mark.parametrize("message", ["too long", "file-o0 is too long"])
def test_a_refusal_for_another_reason_is_no_reason_to_upload_again(
    message: str, keeper: Keeper
) -> None:
    keeper.refusals["completions"] = wire.answer({"error": {"message": message}}, 400)
    with pytest.raises(ProviderRequestError, match="too long"):
        asked(OPENAI, "a.pdf")
    assert len(keeper.uploads) == 1


def test_another_key_needs_a_copy_of_its_own(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> None:
        file_id = ring.register_file("a.pdf")
        await ring.chat(asking(OPENAI, file_id))
        ring.register_provider("openai", api_key="other", base_url=keeper.world.server.url)
        await ring.chat(asking(OPENAI, file_id))

    with_ring(use)
    assert (len(keeper.uploads), keeper.deleted) == (2, ["file-o0"])
    (deletion,) = [r for r in keeper.world.server.requests if r.method == "DELETE"]
    assert deletion.headers["authorization"] == "Bearer sk-openai"


def test_when_a_provider_fails_the_next_one_gets_the_file(keeper: Keeper) -> None:
    models = f'["{OPENAI}", "{ANTHROPIC}"]'
    Path("llmring.lock").write_text(
        '[profiles.default]\nname = "default"\n'
        f'[[profiles.default.bindings]]\nalias = "pool"\nmodels = {models}\n'
    )
    keeper.refusals["completions"] = wire.answer({"error": {"message": "down"}}, 503)
    asked("pool", "a.pdf")
    assert [file.provider for file in keeper.uploads] == ["openai", "anthropic"]
    assert keeper.parts()[0]["source"] == {"type": "file", "file_id": "file_a1"}


def test_when_a_provider_takes_no_upload_the_next_one_gets_the_file(keeper: Keeper) -> None:
    models = f'["{OPENAI}", "{ANTHROPIC}"]'
    Path("llmring.lock").write_text(
        f'[[profiles.default.bindings]]\nalias = "pool"\nmodels = {models}\n'
    )

    def refuse_openai(file: Any) -> None:
        if file.provider == "openai":
            raise OSError

    keeper.on_upload = refuse_openai
    asked("pool", "a.pdf")
    assert [file.provider for file in keeper.uploads] == ["anthropic"]


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


def test_deregistering_deletes_all_copies(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> None:
        file_id = ring.register_file("a.pdf")
        for model in (OPENAI, ANTHROPIC, GOOGLE):
            await ring.chat(asking(model, file_id))
        assert await ring.deregister_file(file_id) is True
        assert await ring.deregister_file(file_id) is False
        assert ring.list_registered_files() == []
        with pytest.raises(FileProcessingError, match="register_file"):
            await ring.chat(asking(OPENAI, file_id))

    with_ring(use)
    assert keeper.deleted == ["file-o0", "file_a1", "files/g2"]
    assert keeper.ids == []


def test_a_copy_that_is_gone_is_no_trouble_to_deregistering(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> bool:
        file_id = ring.register_file("a.pdf")
        for model in (OPENAI, ANTHROPIC, GOOGLE):
            await ring.chat(asking(model, file_id))
        keeper.files.clear()
        return await ring.deregister_file(file_id)

    assert with_ring(use) is True


def test_a_copy_that_cannot_be_deleted_is_told_of(keeper: Keeper) -> None:
    keeper.refusals["DELETE"] = wire.answer({"error": {"message": "down"}}, 500)

    async def use(ring: LLMRing) -> None:
        file_id = ring.register_file("a.pdf")
        await ring.chat(asking(OPENAI, file_id))
        with pytest.raises(FileProcessingError, match="file-o0 at 'openai'") as caught:
            await ring.deregister_file(file_id)
        assert caught.value.details["copies"] == [
            {"provider": "openai", "provider_file_id": "file-o0"}
        ]
        assert isinstance(caught.value.original, Exception)
        assert ring.list_registered_files() == []

    with_ring(use)


def test_an_old_copy_that_cannot_be_deleted_is_deleted_later(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> None:
        file_id = ring.register_file("a.pdf")
        await ring.chat(asking(OPENAI, file_id))
        keeper.refusals["DELETE"] = wire.answer({"error": {"message": "down"}}, 500)
        Path("a.pdf").write_bytes(PDF + b"more")
        await ring.chat(asking(OPENAI, file_id))
        keeper.refusals.clear()
        await ring.deregister_file(file_id)

    with_ring(use)
    assert sorted(keeper.deleted) == ["file-o0", "file-o1"]


def test_old_copies_at_several_providers_are_deleted_once(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> None:
        file_id = ring.register_file("a.pdf")
        models = (OPENAI, ANTHROPIC, GOOGLE)
        for content in (PDF, PDF + b"more"):
            Path("a.pdf").write_bytes(content)
            await asyncio.gather(*(ring.chat(asking(model, file_id)) for model in models))

    with_ring(use)
    assert len(keeper.uploads) == 6
    assert sorted(keeper.deleted) == sorted(file.id for file in keeper.uploads[:3])


def test_an_id_of_ones_own_is_taken_once() -> None:
    ring = LLMRing()
    assert ring.register_file(Path("a.csv"), file_id="sales") == "sales"
    with pytest.raises(FileProcessingError, match="'sales' is taken"):
        ring.register_file("a.pdf", "sales")
    for wrong in ("", "a\nb", "x" * 201, 3):
        with pytest.raises(FileProcessingError, match="file_id is"):
            ring.register_file("a.pdf", wrong)  # type: ignore[arg-type]  # that is the test


def test_an_id_that_nobody_has_registered_is_refused_before_anything_is_sent(
    keeper: Keeper,
) -> None:
    ring = LLMRing()
    for ask in (ring.chat, ring.chat_stream):
        with pytest.raises(FileProcessingError, match="'nobody'"):
            asyncio.run(ask(asking(OPENAI, "nobody")).response if ask == ring.chat_stream
                        else _awaited(ask(asking(OPENAI, "nobody"))))  # fmt: skip
    assert keeper.world.server.requests == []


async def _awaited(answer: Any) -> Any:
    return await answer


def test_a_file_that_goes_away_or_is_emptied_is_told_of() -> None:
    async def use(ring: LLMRing) -> None:
        file_id = ring.register_file("a.pdf")
        Path("a.pdf").write_bytes(b"")
        with pytest.raises(FileProcessingError, match="empty now"):
            await ring.chat(asking(OPENAI, file_id))
        Path("a.pdf").unlink()
        with pytest.raises(FileProcessingError, match="there is no file"):
            await ring.chat(asking(OPENAI, file_id))
        Path("a.pdf").symlink_to("/etc/passwd")
        with pytest.raises(FileProcessingError, match="may not be read"):
            await ring.chat(asking(OPENAI, file_id))

    with_ring(use)


@pytest.mark.parametrize("path", ["/etc/passwd", ".", "none.csv"])
def test_what_may_not_be_read_is_not_registered(path: str) -> None:
    with pytest.raises(FileProcessingError):
        LLMRing().register_file(path)


def test_an_empty_file_is_not_registered() -> None:
    Path("empty").touch()
    with pytest.raises(FileProcessingError, match="empty"):
        LLMRing().register_file("empty")


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


def test_an_upload_that_fails_is_the_providers_error(keeper: Keeper) -> None:
    keeper.refusals["POST /v1/files"] = wire.answer({"error": {"message": "down"}}, 500)
    with pytest.raises(ProviderServerError, match="down"):
        asked(OPENAI, "a.pdf")


def test_a_provider_keeps_files_for_its_caller_too(keeper: Keeper) -> None:
    async def use(ring: LLMRing) -> None:
        provider = ring.get_provider("anthropic")
        uploaded = await provider.upload_file("a.pdf")
        assert (uploaded.file_id, uploaded.provider, uploaded.size_bytes) == (
            "file_a0",
            "anthropic",
            len(PDF),
        )
        found = await provider.get_file("file_a0")
        assert (found.status, found.filename) == ("ready", "a.pdf")
        assert await provider.delete_file("file_a0")
        assert not await provider.delete_file("file_a0")
        for ask in ("upload_file", "get_file", "delete_file"):
            with pytest.raises(ValidationError, match="'local' keeps no files"):
                await getattr(ring.get_provider("local"), ask)("a.pdf")

    with_ring(use)


@pytest.mark.parametrize(("year", "status"), [(2000, "expired"), (2999, "ready"), (None, "ready")])
def test_what_is_known_of_a_file_says_whether_it_can_be_used(year: int | None, status: str) -> None:
    end = datetime(year, 1, 1, tzinfo=UTC) if year else None
    found = file_metadata(UploadedFile("file-1", expires_at=end), "openai")
    assert (found.status, found.file_id, found.provider) == (status, "file-1", "openai")
    assert found.metadata == ({"expires_at": end.isoformat()} if end else {})
