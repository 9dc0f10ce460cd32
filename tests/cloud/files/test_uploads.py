"""Files at each provider: uploaded, asked about and deleted by both twins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloud.llm import (
    InvalidRequestError,
    LLMAuthError,
    LLMResponseError,
    LLMServerError,
    LLMTimeoutError,
)
from tests import worlds
from tests.cloud.files.uploads import (
    KEY,
    PATHS,
    PDF,
    TOLD,
    Twin,
    accepted,
    both_twins,
    content_of,
    every_provider,
    form_of,
    started,
    uploaded,
)
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer, drip

GONE = {
    "OpenAICompat": wire.answer({"error": {"message": "No such File object: file-1"}}, 404),
    "Anthropic": wire.answer({"type": "error", "error": {"type": "not_found_error"}}, 404),
    "Gemini": wire.answer(
        {
            "error": {
                "code": 403,
                "message": "You do not have permission to access the File a or it may not exist.",
                "status": "PERMISSION_DENIED",
            }
        },
        403,
    ),
}
DELETED = {
    "OpenAICompat": {"id": "file-1", "object": "file", "deleted": True},
    "Anthropic": {"id": "file_1", "type": "file_deleted"},
    "Gemini": {},
}


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return worlds.record_sleeps(monkeypatch)


@both_twins
@every_provider
def test_a_file_is_uploaded_by_its_path(twin: Twin, provider: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    with ScriptedServer((accepted(provider),)) as server:
        found = twin(provider, "upload_file", path, client={"base_url": server.url})
    assert found == uploaded(provider)
    assert content_of(server.requests[-1]) == PDF
    assert {r.path.partition("?")[0] for r in server.requests} == {PATHS[provider]}
    assert all(r.method == "POST" and KEY in str(r.headers) for r in server.requests)


@both_twins
@pytest.mark.parametrize("purpose", [None, "batch"])
def test_openai_is_told_what_a_file_is_for(twin: Twin, purpose: str | None) -> None:
    with ScriptedServer((accepted("OpenAICompat"),)) as server:
        settings = {"base_url": server.url}
        twin("OpenAICompat", "upload_file", PDF, purpose=purpose, client=settings)
    (headers, content), _ = form_of(server.requests[0])
    assert headers == {"content-disposition": 'form-data; name="purpose"'}
    assert content.decode() == (purpose or "user_data")


@both_twins
@pytest.mark.parametrize("provider", ["Anthropic", "Gemini"])
def test_a_purpose_that_would_be_lost_is_refused(twin: Twin, provider: str) -> None:
    with ScriptedServer((b"",)) as server:
        settings = {"base_url": server.url}
        with pytest.raises(InvalidRequestError, match="purpose"):
            twin(provider, "upload_file", PDF, filename="a.pdf", purpose="batch", client=settings)
    assert not server.requests


@both_twins
def test_google_is_told_the_size_and_the_type_first(twin: Twin) -> None:
    with ScriptedServer((accepted("Gemini"),)) as server:
        settings = {"base_url": server.url + "/prefix/v1"}
        twin("Gemini", "upload_file", PDF, filename="ü.pdf", client=settings)
    start, content = server.requests
    assert start.path == "/prefix/upload/v1/files"
    assert started(start) == {
        "display_name": "ü.pdf",
        "mime_type": "application/pdf",
        "size_bytes": len(PDF),
    }
    assert content.path == "/upload/v1beta/files?upload_id=a%2Fb&x=1"
    assert content.headers["x-goog-upload-command"] == "upload, finalize"


@both_twins
@every_provider
def test_facts_of_a_file_are_told(twin: Twin, provider: str) -> None:
    told = uploaded(provider)
    with ScriptedServer((wire.answer(TOLD[provider]),)) as server:
        found = twin(provider, "file_info", told.id, client={"base_url": server.url})
    assert (found.id, found.size_bytes, found.expires_at) == (told.id, len(PDF), told.expires_at)
    name = told.id.removeprefix("files/")
    assert server.requests[0].path == PATHS[provider].removeprefix("/upload") + "/" + name


@both_twins
@every_provider
@pytest.mark.parametrize("is_there", [True, False])
def test_a_deletion_tells_whether_the_file_was_there(
    twin: Twin, provider: str, is_there: bool
) -> None:
    answer = wire.answer(DELETED[provider]) if is_there else GONE[provider]
    with ScriptedServer((answer,)) as server:
        settings = {"base_url": server.url}
        assert twin(provider, "delete_file", "f-1", client=settings) is is_there
    assert [r.method for r in server.requests] == ["DELETE"]


@both_twins
@every_provider
def test_a_refused_key_deletes_nothing(twin: Twin, provider: str) -> None:
    refusal = wire.answer({"error": {"message": f"no, {KEY}", "status": "PERMISSION_DENIED"}}, 403)
    with ScriptedServer((refusal,)) as server, pytest.raises(LLMAuthError) as caught:
        twin(provider, "delete_file", "f-1", client={"base_url": server.url})
    assert KEY not in str(caught.value)


@both_twins
def test_a_deletion_that_was_none_is_an_error(twin: Twin) -> None:
    answer = wire.answer({"id": "f-1", "object": "file", "deleted": False})
    with ScriptedServer((answer,)) as server, pytest.raises(LLMResponseError, match="not deleted"):
        twin("OpenAICompat", "delete_file", "f-1", client={"base_url": server.url})


@both_twins
@every_provider
@pytest.mark.parametrize("method", ["file_info", "delete_file"])
@pytest.mark.parametrize("file_id", ["", " ", ".", "..", None, 7, "\ud800"], ids=repr)
def test_what_is_no_id_is_refused(twin: Twin, provider: str, method: str, file_id: Any) -> None:
    with pytest.raises(InvalidRequestError, match="file_id"):
        twin(provider, method, file_id, client={"base_url": "http://127.0.0.1:1"})


@both_twins
@every_provider
def test_no_id_leads_out_of_the_files(twin: Twin, provider: str) -> None:
    with ScriptedServer((wire.answer(TOLD[provider]),)) as server:
        twin(provider, "file_info", "../models?x=1#y", client={"base_url": server.url})
    assert server.requests[0].path.endswith("/files/..%2Fmodels%3Fx%3D1%23y")


@both_twins
@pytest.mark.parametrize(
    ("method", "argument"), [("upload_file", PDF), ("file_info", "a"), ("delete_file", "a")]
)
def test_ollama_has_no_files(twin: Twin, method: str, argument: Any) -> None:
    with pytest.raises(InvalidRequestError, match="OllamaClient has no files") as caught:
        twin("Ollama", method, argument, client={"base_url": "http://127.0.0.1:1"})
    assert caught.value.code == "no_file_api"


@both_twins
@every_provider
def test_another_try_sends_the_same_bytes(
    twin: Twin, provider: str, sleeps: list[float], tmp_path: Path
) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"skipped" + PDF)
    busy = wire.answer({"error": {"message": "busy"}}, 503)
    good = accepted(provider)
    scripts = (good, busy, good) if provider == "Gemini" else (busy, good)
    with path.open("rb") as file, ScriptedServer(scripts) as server:
        file.seek(len(b"skipped"))
        settings = {"base_url": server.url}
        assert twin(provider, "upload_file", file, client=settings) == uploaded(provider)
    sent = [r for r in server.requests if r.headers.get("x-goog-upload-command") != "start"]
    assert [content_of(r) for r in sent] == [PDF, PDF]
    assert len(server.requests) == (4 if provider == "Gemini" else 2)
    assert len(sleeps) == 1


@both_twins
@every_provider
def test_an_upload_is_given_up_after_all_tries(twin: Twin, provider: str) -> None:
    with ScriptedServer((wire.answer({"error": "busy"}, 500),)) as server:
        settings = {"base_url": server.url, "max_retries": 2}
        with pytest.raises(LLMServerError, match="tried 3 times"):
            twin(provider, "upload_file", PDF, filename="a.pdf", client=settings)
    assert len(server.requests) == 3


@both_twins
@every_provider
@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"file":{}}', b"[" * 9_999], ids=repr)
def test_an_answer_that_tells_no_file_is_an_error(twin: Twin, provider: str, answer: bytes) -> None:
    good = accepted("Gemini")
    broken = wire.answer(answer)
    with ScriptedServer((good, broken) if provider == "Gemini" else (broken,)) as server:
        settings = {"base_url": server.url}
        with pytest.raises(LLMResponseError):
            twin(provider, "upload_file", PDF, filename="a.pdf", client=settings)


@both_twins
def test_a_refusal_that_comes_before_the_file_is_read_is_told(twin: Twin) -> None:
    refusal = wire.answer({"error": {"message": "too large"}}, 413)
    with ScriptedServer((b"",), on_connect=refusal, record=False) as server:
        settings = {"base_url": server.url}
        with pytest.raises(InvalidRequestError, match="too large"):
            twin("OpenAICompat", "upload_file", bytes(2_000_000), client=settings)


@both_twins
def test_an_answer_in_drips_ends_at_the_deadline(twin: Twin) -> None:
    with ScriptedServer(([drip(wire.answer(TOLD["OpenAICompat"]))],)) as server:
        settings = {"base_url": server.url}
        with pytest.raises(LLMTimeoutError, match=r"within 0\.2 s"):
            twin("OpenAICompat", "upload_file", PDF, timeout=0.2, client=settings)
