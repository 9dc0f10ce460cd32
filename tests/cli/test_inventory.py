"""Which models are on this disk, and what their files say about them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from LLM import InvalidRequestError, LLMConfigError
from local_llm_kit.inventory import PresentModel, inventory
from local_llm_kit.local_files import ModelFile
from local_llm_kit.model_facts import describe
from local_llm_kit.model_files import Sources, find_model
from tests.cli.caches import DATA, FIRST, put_ollama, put_version
from tests.local.support import TINY

FOLDER = {path.name: path.read_bytes() for path in TINY.parent.iterdir() if path.suffix != ".gguf"}


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(cache_dir=tmp_path / "hub", ollama_dir=tmp_path / "ollama")


def of(source: str, sources: Sources, default_path: str | None = None) -> list[PresentModel]:
    return [one for one in inventory(sources, default_path) if one.source == source]


def test_an_empty_machine_has_the_bundled_model(sources: Sources) -> None:
    (tiny,) = inventory(sources)
    assert (tiny.name, tiny.source, tiny.size_bytes) == ("tiny", "bundled", len(DATA))
    assert tiny.modified == TINY.stat().st_mtime


def test_a_downloaded_file_is_told_with_its_commit(sources: Sources) -> None:
    put_version(sources.cache_dir, {"tiny-Q8_0.gguf": DATA})
    (model,) = of("hub", sources)
    assert (model.name, model.kind) == ("owner/name:tiny-Q8_0.gguf", "gguf")
    assert (model.size_bytes, model.revision) == (len(DATA), FIRST)


def test_a_repository_with_both_forms_is_two_models(sources: Sources) -> None:
    put_version(sources.cache_dir, FOLDER | {"tiny.gguf": DATA})
    found = {model.name: (model.kind, model.size_bytes) for model in of("hub", sources)}
    assert found == {
        "owner/name:tiny.gguf": ("gguf", len(DATA)),
        "owner/name": ("safetensors", sum(map(len, FOLDER.values()))),
    }


def test_a_model_of_ollamas_store_counts_all_its_layers(sources: Sources) -> None:
    put_ollama(sources.ollama_dir)
    (model,) = of("ollama", sources)
    assert (model.name, model.size_bytes) == ("ollama:llama3.2:1b", len(DATA))
    assert find_model(model.name, sources=sources).path.read_bytes() == DATA


def test_a_download_that_was_broken_off_is_listed(sources: Sources) -> None:
    blobs = sources.cache_dir / "models--owner--name" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "abc.llm-kit.incomplete").write_bytes(b"12345")
    (model,) = of("hub", sources)
    assert (model.name, model.kind, model.size_bytes) == ("owner/name", None, 5)
    assert (model.problem or "").endswith("models pull owner/name")


def test_a_damaged_model_is_listed_with_its_problem(sources: Sources) -> None:
    put_ollama(sources.ollama_dir).write_text("{}")
    (model,) = of("ollama", sources)
    assert "has no layers" in (model.problem or "")
    assert (model.files, model.size_bytes) == ((), 0)


def test_the_folder_of_the_environment_is_listed_too(sources: Sources, tmp_path: Path) -> None:
    shutil.copy(TINY, tmp_path / "mine.gguf")
    (tmp_path / "torn-00001-of-00002.gguf").write_bytes(DATA)
    mine, torn = of("path", sources, str(tmp_path))
    assert (mine.name, mine.problem) == ("mine", None)
    assert "torn-00002-of-00002.gguf" in (torn.problem or "")


def test_the_file_of_the_environment_is_listed_too(sources: Sources, tmp_path: Path) -> None:
    shutil.copy(TINY, tmp_path / "mine.gguf")
    assert [one.name for one in of("path", sources, str(tmp_path / "mine.gguf"))] == ["mine"]


def test_a_folder_that_may_not_be_read_is_named(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(cache: Path) -> list[str]:
        raise PermissionError(13, "Permission denied", str(cache))

    monkeypatch.setattr("local_llm_kit.hub_cache.present", refuse)
    with pytest.raises(LLMConfigError, match=r"hub': Permission denied"):
        inventory(sources)


def test_the_facts_of_a_gguf_file_come_from_its_header() -> None:
    facts = describe(find_model("tiny"))
    assert (facts.architecture, facts.quantization, facts.license) == ("llama", "Q8_0", "mit")
    assert (facts.n_params, facts.n_ctx_train, facts.n_vocab) == (1_115_520, 2048, 1024)
    assert (facts.n_layers, facts.n_embd, facts.size_bytes) == (5, 128, len(DATA))
    assert 8.5 <= facts.bits_per_weight < 8.6
    assert "tools" in facts.capabilities


def test_both_forms_of_a_model_tell_the_same() -> None:
    gguf = describe(find_model("tiny"))
    folder = describe(find_model("tiny", sources=Sources(kinds=("safetensors",))))
    assert (folder.quantization, folder.bits_per_weight) == ("F16", 16)
    for name in ("n_params", "n_layers", "n_embd", "n_vocab", "n_ctx_train", "chat_template"):
        assert getattr(folder, name) == getattr(gguf, name)


def folder(tmp_path: Path, **changes: object) -> ModelFile:
    """The bundled folder with other settings."""
    shutil.copytree(TINY.parent, tmp_path / "m", ignore=shutil.ignore_patterns("*.gguf"))
    config = json.loads((tmp_path / "m/config.json").read_text()) | changes
    (tmp_path / "m/config.json").write_text(json.dumps(config))
    return ModelFile("m", tmp_path / "m", "safetensors")


def test_a_quantised_folder_tells_its_method(tmp_path: Path) -> None:
    found = folder(tmp_path, quantization_config={"quant_method": "awq"})
    assert describe(found).quantization == "awq"


def test_a_model_that_brings_code_may_be_looked_at(tmp_path: Path) -> None:
    assert describe(folder(tmp_path, auto_map={"AutoModel": "code.Model"})).architecture == "llama"


def test_a_template_without_tools_takes_none(tmp_path: Path) -> None:
    found = folder(tmp_path)
    (found.path / "chat_template.jinja").write_text("{{ messages }}")
    assert describe(found).capabilities == ("completion", "embedding")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes(DATA[:100])
    with pytest.raises(InvalidRequestError, match=r"cut\.gguf"):
        describe(ModelFile("cut", tmp_path / "cut.gguf", "gguf"))
