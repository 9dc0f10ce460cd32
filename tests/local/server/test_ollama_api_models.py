"""Ollama's API about models: which there are, what each is, which are loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import ollama
import pytest

from local_llm_kit.loading import LoadOptions
from local_llm_kit.server import LocalServer
from local_llm_kit.server.workers import queue_full
from tests.local.http import ask
from tests.local.server.models import metric, until
from tests.local.support import TINY, running_server


@pytest.fixture
def client(server: LocalServer) -> Iterator[ollama.Client]:
    with ollama.Client(host=server.url) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models with a second one, and one that is damaged."""
    shutil.copy(TINY, tmp_path / "second.gguf")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF and no more")
    monkeypatch.setenv("LOCAL_LLM_KIT_MODEL_PATH", str(tmp_path))
    return tmp_path


def test_models_are_listed_with_what_they_are(client: ollama.Client) -> None:
    (model,) = client.list().models
    assert (model.model, model.size) == ("tiny", TINY.stat().st_size)
    assert model.details is not None
    assert (model.details.format, model.details.family) == ("gguf", "llama")
    assert (model.details.parameter_size, model.details.quantization_level) == ("1.1M", "Q8_0")
    assert len(model.digest or "") == 64
    written = datetime.fromtimestamp(TINY.stat().st_mtime, UTC)
    assert model.modified_at is not None
    assert abs(model.modified_at - written) < timedelta(milliseconds=1)


def test_models_that_are_not_loaded_are_told_from_their_files(folder: Path) -> None:
    with running_server() as server, ollama.Client(host=server.url) as client:
        models = {model.model: model for model in client.list().models}
        shown = client.show("second")
        loaded = [model.name for model in client.ps().models]
    assert set(models) == {"tiny", "second", "broken"}
    assert models["second"].size == TINY.stat().st_size
    assert models["broken"].details is not None
    assert models["broken"].details.family == ""
    assert (shown.modelinfo or {})["llama.context_length"] == 2048
    assert (shown.parameters, loaded) == ("", ["tiny"])


def test_what_is_wrong_with_a_file_is_told_to_the_log_alone(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_server() as server:
        answer = ask(server.url, "/api/show", {"model": "broken"})
    assert (answer.status, answer.json["code"]) == (500, "model_unreadable")
    assert str(folder) not in answer.json["error"]
    assert str(folder) in caplog.text


def test_further_models_are_told_by_their_public_names(tmp_path: Path) -> None:
    shutil.copy(TINY, tmp_path / "boat.gguf")
    path = str(tmp_path / "boat.gguf")
    with running_server(models=[path]) as server, ollama.Client(host=server.url) as client:
        before = client.show("boat")
        assert client.generate("boat:latest", "Hello!").model == "boat"
        after = client.show("boat")
        assert [model.name for model in client.ps().models] == ["tiny", "boat"]
        assert {model.model for model in client.list().models} == {"tiny", "boat"}
        assert client.generate("boat", keep_alive=0).done_reason == "unload"
        assert [model.name for model in client.ps().models] == ["tiny"]
    assert before.modelinfo == after.modelinfo
    assert after.parameters


def test_a_digest_changes_with_its_file(folder: Path) -> None:
    with running_server() as server, ollama.Client(host=server.url) as client:
        before = {model.model: model.digest for model in client.list().models}
        (folder / "second.gguf").touch()
        after = {model.model: model.digest for model in client.list().models}
    assert before["tiny"] == after["tiny"]
    assert before["second"] != after["second"]


def test_a_model_is_shown(client: ollama.Client, server: LocalServer) -> None:
    shown = client.show("tiny")
    assert shown.capabilities == ["completion", "embedding", "tools"]
    assert shown.parameters == f"{'num_ctx':30} 2048"
    assert shown.modelfile == "FROM tiny\nPARAMETER num_ctx 2048"
    assert shown.template == server.catalog.info.chat_template
    facts = shown.modelinfo or {}
    assert facts["general.architecture"] == "llama"
    assert facts["llama.embedding_length"] == server.catalog.info.n_embd
    assert str(TINY.parent) not in shown.model_dump_json()


def test_a_model_is_shown_by_the_older_field_too(server: LocalServer) -> None:
    answer = ask(server.url, "/api/show", {"name": "tiny", "verbose": True})
    assert answer.status == 200
    assert answer.headers["x-ignored-parameters"] == "verbose"


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"model": "nothing"}, 404), ({"model": "../tiny.gguf"}, 404),
     ({"model": str(TINY)}, 404), ({"model": "hf.co/owner/name"}, 404),
     ({"model": "tiny", "extra": 1}, 400), ([], 400), ({"model": "\x00"}, 404)],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_shown_is_refused(server: LocalServer, body: Any, status: int) -> None:
    answer = ask(server.url, "/api/show", body)
    assert answer.status == status
    assert set(answer.json) <= {"error", "code"}
    assert isinstance(answer.json["error"], str)


def test_loaded_models_are_told_with_their_memory(client: ollama.Client) -> None:
    (model,) = client.ps().models
    assert (model.name, model.model, model.context_length) == ("tiny", "tiny", 2048)
    assert (model.size or 0) > TINY.stat().st_size
    assert model.size_vram == 0
    assert model.expires_at is not None
    assert model.expires_at - datetime.now(UTC) > timedelta(days=36_500)


def test_a_model_says_when_it_will_leave() -> None:
    load = LoadOptions(keep_alive=600.0)
    with running_server(load) as server, ollama.Client(host=server.url) as client:
        (model,) = client.ps().models
        assert model.expires_at is not None
        left = model.expires_at - datetime.now(UTC)
        assert timedelta(seconds=500) < left <= timedelta(seconds=600)
        with server.catalog.lease(None):
            (used,) = client.ps().models
        assert used.expires_at is not None
        assert used.expires_at >= model.expires_at


def test_strict_servers_answer_to_their_names_only() -> None:
    strict = running_server(strict_model=True, aliases=["mini"])
    with strict as server, ollama.Client(host=server.url) as client:
        assert [model.model for model in client.list().models] == ["tiny", "mini"]
        assert client.generate("mini:latest", "Hello!").model == "tiny"
        with pytest.raises(ollama.ResponseError, match="does not exist") as caught:
            client.generate("other", "Hello!")
    assert caught.value.status_code == 404


def test_the_version_is_that_of_the_api(server: LocalServer) -> None:
    told = ask(server.url, "/api/version").json
    assert [part.isdigit() for part in told["version"].split(".")] == [True] * 3
    assert told["server"].startswith("llm-kit ")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/pull"), ("POST", "/api/push"), ("POST", "/api/create"), ("POST", "/api/copy"),
     ("DELETE", "/api/delete"), ("POST", f"/api/blobs/sha256:{'0' * 64}")],
    ids=lambda value: value[:12],
)  # fmt: skip
def test_models_are_not_managed_over_http(server: LocalServer, method: str, path: str) -> None:
    answer = ask(server.url, path, {"model": "tiny"}, method=method)
    assert answer.status == 403
    assert answer.json["code"] == "not_over_http"
    assert TINY.exists()


def test_the_package_hears_of_it(client: ollama.Client) -> None:
    for call in (client.pull, client.delete, client.push):
        with pytest.raises(ollama.ResponseError, match="the server's own machine") as caught:
            call("tiny")
        assert caught.value.status_code == 403


@pytest.mark.parametrize(
    "path", ["/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/show"]
)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"3", b'"x"', b"null", b"[" * 100_000, b'{"model": 1e999}'],
    ids=["empty", "cut", "list", "number", "text", "null", "deep", "huge"],
)  # fmt: skip
def test_what_is_no_request_is_refused(server: LocalServer, path: str, body: bytes) -> None:
    answer = ask(server.url, path, body)
    assert answer.status == 400
    assert isinstance(answer.json["error"], str)


def test_a_key_is_asked_for() -> None:
    with running_server(api_key="secret") as server:
        assert ask(server.url, "/api/tags").status == 401
        headers = {"Authorization": "Bearer secret"}
        with ollama.Client(host=server.url, headers=headers) as client:
            assert client.list().models


def test_a_body_must_say_that_it_is_json(server: LocalServer) -> None:
    body = json.dumps({"model": "tiny", "prompt": "x"}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ask(server.url, "/api/generate", body, headers=headers).status == 415


def test_an_answer_stands_where_its_model_cannot_be_unloaded(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def beside(work: object) -> NoReturn:
        raise queue_full(256)

    counted = "http_requests_total,POST,/api/generate,200"
    n_before = metric(server, counted)
    monkeypatch.setattr(server._service, "beside", beside)
    body = {"model": "tiny", "prompt": "x", "keep_alive": 0, "options": {"num_predict": 1}}
    assert ask(server.url, "/api/generate", body).status == 200
    until(lambda: metric(server, counted) == n_before + 1)
    assert not caplog.records
