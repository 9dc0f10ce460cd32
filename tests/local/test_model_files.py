"""Finding a model, and the settings that come from the environment."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from LLM import LLMConfigError
from local_llm_kit import LLMClient, ModelNotFoundError, settings
from local_llm_kit.model_files import Sources, find_model, present_models
from tests.local.support import TINY

SAFETENSORS_FIRST = Sources(kinds=("safetensors", "gguf"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("Qwen2.5-0.5B-q4_0.gguf", "other.gguf"):
        shutil.copy(TINY, tmp_path / name)
    return tmp_path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder of safetensors alone, named ``mine``."""
    target = tmp_path / "mine"
    shutil.copytree(TINY.parent, target, ignore=shutil.ignore_patterns("*.gguf"))
    return target


def parts(folder: Path, *numbers: int) -> list[Path]:
    """Files named as parts of a model of three."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"big-{number:05d}-of-00003.gguf" for number in numbers]
    for path in paths:
        path.write_bytes(TINY.read_bytes())
    return paths


def test_the_bundled_model_is_found_by_name() -> None:
    found = find_model("tiny")
    assert (found.path, found.kind, found.source) == (TINY, "gguf", "bundled")


def test_the_bundled_model_is_there_in_both_forms() -> None:
    found = find_model("tiny", sources=SAFETENSORS_FIRST)
    assert (found.path, found.kind, found.name) == (TINY.parent, "safetensors", "tiny")


def test_no_name_means_the_default_path_or_the_bundled_model(folder: Path) -> None:
    assert find_model(None).name == "tiny"
    assert find_model(None, default_path=str(folder / "other.gguf")).name == "other"


def test_the_variable_names_the_model_of_a_client(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.MODEL_PATH_VARIABLE, str(checkpoint))
    with LLMClient() as client:
        assert (client.info.name, client.info.backend) == ("mine", "transformers")


def test_a_folder_of_safetensors_is_a_model(checkpoint: Path) -> None:
    found = find_model(str(checkpoint))
    assert (found.name, found.path, found.kind) == ("mine", checkpoint, "safetensors")
    assert find_model("any", checkpoint).name == "any"
    assert find_model("mine", checkpoint.parent).path == checkpoint


@pytest.mark.parametrize(
    ("sources", "kind"), [(Sources(), "gguf"), (SAFETENSORS_FIRST, "safetensors")]
)
def test_a_folder_with_both_forms_gives_the_better_one(sources: Sources, kind: str) -> None:
    assert find_model(str(TINY.parent), sources=sources).kind == kind


def test_a_folder_with_one_file_is_that_model(tmp_path: Path) -> None:
    shutil.copy(TINY, tmp_path / "only.gguf")
    assert find_model(str(tmp_path)).name == "only"
    with pytest.raises(ModelNotFoundError, match=r"looked for 'onyl'.* mean 'only\.gguf'"):
        find_model("onyl", tmp_path)


def test_a_folder_with_several_files_asks_for_a_name(folder: Path) -> None:
    with pytest.raises(
        ModelNotFoundError, match=r"holds several models; give one .* found there: .*other"
    ):
        find_model(str(folder))


def test_an_empty_folder_holds_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"holds no model to be loaded; .* is 'tiny'"):
        find_model(str(tmp_path))


def test_any_part_of_a_model_means_the_whole(tmp_path: Path) -> None:
    first, second, _ = parts(tmp_path, 1, 2, 3)
    assert find_model(str(second)).path == first
    assert find_model("big", tmp_path).path == first
    assert find_model(str(tmp_path)).name == "big"


def test_missing_parts_are_named(tmp_path: Path) -> None:
    parts(tmp_path, 1, 3)
    with pytest.raises(ModelNotFoundError, match=r"1 of the 3 files .* 'big-00002-of-00003\.gguf'"):
        find_model("big", tmp_path)


def test_a_gguf_file_needs_no_ending(tmp_path: Path) -> None:
    shutil.copy(TINY, tmp_path / "sha256-0")
    assert find_model(str(tmp_path / "sha256-0")).name == "sha256-0"


def test_a_file_of_another_kind_says_what_is_wanted(checkpoint: Path) -> None:
    with pytest.raises(LLMConfigError, match="for safetensors the folder"):
        find_model(str(checkpoint / "model.safetensors"))


@pytest.mark.parametrize("name", ["x" * 5000, "~nobody/x", "./no/such", "a/" * 2000])
def test_names_that_no_disk_takes_are_not_found(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        find_model(name, sources=Sources(cache_dir=tmp_path, ollama_dir=tmp_path))


def test_a_path_that_cannot_be_read_is_told() -> None:
    with pytest.raises(LLMConfigError, match=r"cannot look for the model 'a' at 'xxx.*too long"):
        find_model("a", "x" * 300)


def test_what_is_there_is_listed_by_names_that_find_it(folder: Path, checkpoint: Path) -> None:
    sources = Sources(cache_dir=folder, ollama_dir=folder)
    names = present_models(sources, str(folder))
    assert names == ["tiny", "Qwen2.5-0.5B-q4_0", "mine", "other"]
    assert all(find_model(name, default_path=str(folder), sources=sources) for name in names)


def test_a_path_names_the_model_after_its_file(folder: Path) -> None:
    assert find_model(str(folder / "other.gguf")).name == "other"


def test_a_name_is_looked_up_in_a_folder(folder: Path) -> None:
    assert find_model("other", folder).path == folder / "other.gguf"


@pytest.mark.parametrize("name", [None, "mine"], ids=["no name", "name"])
def test_a_default_path_that_is_not_there_is_told_with_its_variable(name: str | None) -> None:
    with pytest.raises(ModelNotFoundError, match="LOCAL_LLM_KIT_MODEL_PATH is '/nowhere/x', which"):
        find_model(name, default_path="/nowhere/x")


def test_a_default_path_is_for_names_found_nowhere_else(folder: Path) -> None:
    file = str(folder / "other.gguf")
    assert find_model("mine", default_path=file).name == "mine"
    assert find_model("tiny", default_path=file).path == TINY


@pytest.mark.parametrize(
    ("model", "near"),
    [("tinny", "'tiny'"), ("qwen2.5-0.5b-q4_0", "'Qwen2.5-0.5B-q4_0.gguf'")],
)
def test_an_unknown_model_is_told_what_is_near(folder: Path, model: str, near: str) -> None:
    with pytest.raises(ModelNotFoundError, match=f"did you mean {near}") as caught:
        find_model(model, folder if "qwen" in model else None)
    assert (caught.value.code, caught.value.model) == ("model_not_found", model)


def test_a_missing_file_says_what_is_beside_it(folder: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"does not exist; did you mean 'other\.gguf'"):
        find_model(str(folder / "othr.gguf"))


def test_variables_are_defaults_and_arguments_win() -> None:
    environ = {settings.CONTEXT_LENGTH_VARIABLE: "512", settings.BACKEND_VARIABLE: "llama.cpp"}
    assert settings.context_length(None, environ) == 512
    assert settings.context_length(1024, environ) == 1024
    assert settings.backend(None, environ) == "llama.cpp"


@pytest.mark.parametrize("value", ["many", "0", "-5", "1e3", "9" * 30])
def test_a_wrong_context_length_variable_names_the_variable(value: str) -> None:
    with pytest.raises(LLMConfigError, match="LOCAL_LLM_KIT_CONTEXT_LENGTH"):
        settings.context_length(None, {settings.CONTEXT_LENGTH_VARIABLE: value})


@pytest.mark.parametrize("model", [5, "", b"tiny", "a\0b"], ids=str)
def test_a_model_that_is_no_name_is_refused(model: object) -> None:
    with pytest.raises(LLMConfigError, match="give a name such as 'tiny'"):
        LLMClient(model)  # type: ignore[arg-type]


def test_a_window_beyond_the_models_own_is_refused() -> None:
    with pytest.raises(LLMConfigError, match="trained for 2048"):
        LLMClient("tiny", context_length=4096)
