"""Finding a model, and the settings that come from the environment."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from LLM import LLMConfigError
from local_llm_kit import LLMClient, ModelNotFoundError, settings
from local_llm_kit.model_files import find_model
from tests.local.support import TINY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("Qwen2.5-0.5B-q4_0.gguf", "other.gguf"):
        shutil.copy(TINY, tmp_path / name)
    return tmp_path


def test_the_bundled_model_is_found_by_name() -> None:
    assert find_model("tiny").path == TINY


def test_a_path_names_the_model_after_its_file(folder: Path) -> None:
    assert find_model(str(folder / "other.gguf")).name == "other"


def test_a_name_is_looked_up_in_a_folder(folder: Path) -> None:
    assert find_model("other", folder).path == folder / "other.gguf"


def test_a_default_path_is_for_names_found_nowhere_else(folder: Path) -> None:
    file = str(folder / "other.gguf")
    assert find_model("mine", default_path=file).name == "mine"
    assert find_model("tiny", default_path=file).path == TINY


@pytest.mark.parametrize(
    ("model", "near"),
    [("tinny", "'tiny'"), ("qwen2.5-0.5b-q4_0", "'Qwen2.5-0.5B-q4_0.gguf'")],
)
def test_an_unknown_model_is_told_what_is_near(folder: Path, model: str, near: str) -> None:
    with pytest.raises(ModelNotFoundError, match=f"did you mean {near}"):
        find_model(model, folder if "qwen" in model else None)


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
