"""Settings that make no sense are told as errors of ours, whatever they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from LLM import LLMConfigError, LLMError
from local_llm_kit import LLMClient, ModelNotFoundError
from local_llm_kit.model_files import Sources, find_model, present_models
from tests.local.support import TINY

FOLDERS = ["LOCAL_LLM_KIT_CACHE_DIR", "HF_HUB_CACHE", "HF_HOME", "OLLAMA_MODELS"]


@pytest.mark.parametrize("variable", FOLDERS)
def test_a_home_that_nobody_has_is_an_empty_folder(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in FOLDERS:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(variable, "~no_such_user/models")
    assert find_model("tiny").name == "tiny"
    with pytest.raises(ModelNotFoundError):
        find_model("no/such", sources=Sources(offline=True))


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("LOCAL_LLM_KIT_CACHE_DIR", "cannot look for models at"),
        ("OLLAMA_MODELS", "cannot read Ollama's store"),
    ],
)
def test_a_folder_that_no_disk_takes_is_told_when_models_are_listed(
    variable: str, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    monkeypatch.setenv(variable, "x" * 300)
    with pytest.raises(LLMConfigError, match=f"{told} 'xxx.*{variable}"):
        present_models()


def test_half_a_surrogate_pair_is_no_name_of_a_model() -> None:
    with pytest.raises(LLMConfigError, match="give a name such as 'tiny'"):
        find_model("\ud800/x")


def test_an_adapter_in_a_home_that_nobody_has_is_not_there() -> None:
    pytest.importorskip("torch")
    with pytest.raises(LLMError, match="no_such_user"):
        LLMClient("tiny", backend="transformers", adapters={"mine": "~no_such_user/mine"})


@pytest.mark.parametrize("name", ["own--er/name", "own/er--name", "own/er..name"])
def test_a_name_that_the_hub_cannot_have_takes_no_others_place(name: str, tmp_path: Path) -> None:
    folder, commit = tmp_path / "models--own--er--name", "0" * 40
    (folder / "snapshots" / commit).mkdir(parents=True)
    (folder / "snapshots" / commit / "model.gguf").write_bytes(TINY.read_bytes())
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    with pytest.raises(ModelNotFoundError):
        find_model(name, sources=Sources(cache_dir=tmp_path, ollama_dir=tmp_path, offline=True))
