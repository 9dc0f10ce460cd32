"""The copies of registered files at providers: made when needed, replaced, deleted."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloud.llm.files import UploadedFile
from llmring import FileProcessingError, LLMRing
from llmring.exceptions import ProviderRequestError, ProviderServerError, ValidationError
from llmring.files.registry import FileRegistry, RegisteredFile
from llmring.files.uploads import Copy
from llmring.providers.kept_files import file_metadata, upload_response
from tests.llmring.files.asking import (
    ANTHROPIC,
    GOOGLE,
    OPENAI,
    asked,
    asking,
    refused,
    with_ring,
)
from tests.llmring.files.contents import PDF
from tests.llmring.files.keeper import Keeper
from tests.remote import wire

pytestmark = [pytest.mark.usefixtures("files"), pytest.mark.slow]


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


def test_a_copy_that_was_made_again_meanwhile_is_not_forgotten() -> None:
    class Provider:
        name = "p"

        async def get_file(self, file_id: str) -> Any:
            assert file_id == "file-old"
            file.copies["p"] = new
            raise ProviderServerError("no such file", status_code=404)

    def copy(file_id: str) -> Copy:
        kept = upload_response(UploadedFile(file_id), "p")
        return Copy(provider, "text/plain", "", kept)

    provider: Any = Provider()
    old, new = copy("file-old"), copy("file-new")
    file = RegisteredFile("f", "/f", "", datetime.now(UTC), {"p": old})
    refusal = ProviderRequestError("there is no file-old")
    assert asyncio.run(FileRegistry().forget_gone(provider, [file], refusal)) is True
    assert file.copies == {"p": new}


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
