"""Models of Ollama's own store, found and run in process."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from LLM import InvalidRequestError, LLMConfigError, ModelNotFoundError
from local_llm_kit import LLMClient, integrity, ollama_store
from local_llm_kit.model_files import Sources, find_model, present_models
from tests.local.support import TINY

LLAMA = "registry.ollama.ai/library/llama3.2/1b"
LAYERS = {"model": TINY.read_bytes(), "template": b"{{ .Prompt }}", "params": b'{"stop": ["x"]}'}


def layer(store: Path, kind: str, data: bytes) -> dict[str, Any]:
    """Put a layer's bytes into the store; what a manifest says about it."""
    digest = hashlib.sha256(data).hexdigest()
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    (store / "blobs" / f"sha256-{digest}").write_bytes(data)
    media_type = f"application/vnd.ollama.image.{kind}"
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def put(store: Path, place: str = LLAMA, **layers: bytes) -> Path:
    """Put a model into the store; its manifest."""
    path = store / "manifests" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [layer(store, kind, data) for kind, data in (layers or LAYERS).items()]
    path.write_text(json.dumps({"schemaVersion": 2, "layers": entries}))
    return path


def change(manifest: Path, **changes: object) -> None:
    """Change what a manifest says about its first layer."""
    text = json.loads(manifest.read_text())
    text["layers"][0] |= changes
    manifest.write_text(json.dumps(text))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    put(tmp_path)
    return tmp_path


def test_a_store_that_cannot_be_read_is_named(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root reads everything, a system stands in that says no."""

    def refused(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refused)
    for look_up in (
        lambda: ollama_store.find("llama3.2:1b", store),
        lambda: ollama_store.present(store),
    ):
        with pytest.raises(LLMConfigError, match=r"Permission denied.*OLLAMA_MODELS"):
            look_up()


def test_the_store_is_where_ollama_keeps_it() -> None:
    assert ollama_store.folder({}) == Path("~/.ollama/models").expanduser()
    assert ollama_store.folder({"OLLAMA_MODELS": "/data/models"}) == Path("/data/models")


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (LLAMA, "llama3.2:1b"),
        ("registry.ollama.ai/library/llama3.2/latest", "llama3.2"),
        ("registry.ollama.ai/owner/mine/latest", "owner/mine"),
        ("hf.co/owner/name/Q4_K_M", "hf.co/owner/name:Q4_K_M"),
    ],
)
def test_a_model_is_found_by_its_name(tmp_path: Path, place: str, name: str) -> None:
    put(tmp_path, place)
    found = ollama_store.find(name, tmp_path)
    assert found is not None
    assert found.weights.path.read_bytes() == LAYERS["model"]
    assert ollama_store.present(tmp_path) == [found.name]


@pytest.mark.parametrize("name", ["llama3.2", "llama3.2:3b", "../x", "a/b/c/d", "", "llama3.2:.."])
def test_other_names_are_not_in_the_store(store: Path, name: str) -> None:
    assert ollama_store.find(name, store) is None


def test_a_store_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert ollama_store.present(tmp_path / "no") == []
    assert ollama_store.find("llama3.2:1b", tmp_path / "no") is None


def test_layers_are_told_by_their_kinds(store: Path) -> None:
    found = ollama_store.require("llama3.2:1b", store)
    assert [layer.kind for layer in found.layers] == ["model", "template", "params"]
    assert found.of("template")[0].path.read_bytes() == LAYERS["template"]


@pytest.mark.parametrize("name", ["llama3.2:1b", "ollama:llama3.2:1b"])
def test_a_model_of_the_store_runs_in_process(
    store: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(store))
    with LLMClient(name) as client:
        answer = client.chat.completions.create(messages=[{"role": "user", "content": "Hello!"}])
        assert answer.choices[0].message.content
        assert answer.model == "llama3.2:1b"


def test_its_source_and_hash_are_told(store: Path, tmp_path: Path) -> None:
    sources = Sources(cache_dir=tmp_path / "cache", ollama_dir=store)
    found = find_model("llama3.2:1b", sources=sources)
    assert (found.kind, found.source) == ("gguf", "ollama")
    assert found.sha256 == hashlib.sha256(LAYERS["model"]).hexdigest()
    assert "llama3.2:1b" in present_models(sources)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ollama:llama3.2:3b", r"no model 'llama3\.2:3b' in Ollama's store .* 'llama3\.2:1b'"),
        ("llama3.2:2b", r"did you mean 'llama3\.2:1b'"),
    ],
)
def test_a_model_that_is_not_there_says_what_is(store: Path, name: str, message: str) -> None:
    with pytest.raises(ModelNotFoundError, match=message):
        find_model(name, sources=Sources(cache_dir=store, ollama_dir=store))


def test_a_model_with_an_adapter_is_left_to_ollama(tmp_path: Path) -> None:
    put(tmp_path, **LAYERS, adapter=b"lora")
    with pytest.raises(InvalidRequestError, match="use it with backend='ollama'"):
        ollama_store.require("llama3.2:1b", tmp_path).weights  # noqa: B018


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": 5}, "has 1,221,248 bytes, not 5"),
        ({"digest": "sha256:" + "0" * 64}, "is missing"),
        ({"digest": "sha256:../../../etc/passwd"}, "is not told by"),
        ({"digest": None}, "is not told by"),
        ({"mediaType": 5}, "is not told by"),
        ({"size": True}, "is not told by"),
    ],
)
def test_a_manifest_that_lies_is_refused(
    store: Path, changes: dict[str, object], reason: str
) -> None:
    change(store / "manifests" / LLAMA, **changes)
    with pytest.raises(InvalidRequestError, match="pull it again: ollama pull") as caught:
        ollama_store.find("llama3.2:1b", store)
    assert reason in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", '{"layers": []}', '{"layers": [5]}', '{"layers": {}}'])
def test_a_manifest_that_is_none_is_refused(store: Path, text: str) -> None:
    (store / "manifests" / LLAMA).write_text(text)
    with pytest.raises(InvalidRequestError, match="is damaged"):
        ollama_store.find("llama3.2:1b", store)


def test_altered_bytes_are_found(store: Path) -> None:
    found = find_model("llama3.2:1b", sources=Sources(cache_dir=store, ollama_dir=store))
    integrity.verify(found)
    data = LAYERS["model"]
    found.path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(InvalidRequestError, match="is altered: its SHA-256 is"):
        integrity.verify(found)
