"""Choosing a back end, and the options that it honours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from LLM import InvalidRequestError, LLMConfigError
from local_llm_kit import LLMClient, gguf, load_options, loading, settings
from local_llm_kit.load_options import LoadOptions, engine_options
from tests.local.support import TINY


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """As on a machine on which these are not installed."""
    from local_llm_kit.engines.llama_cpp.library import library

    library.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        for package in packages:
            patch.setitem(sys.modules, package, None)
        yield
    library.cache_clear()


@pytest.mark.parametrize("name", ["llama.cpp", "llama_cpp", "LlamaCpp", " gguf "])
def test_a_back_end_has_several_spellings(name: str) -> None:
    assert settings.backend(name, {}) == "llama.cpp"
    assert settings.backend(None, {settings.BACKEND_VARIABLE: name}) == "llama.cpp"


def test_no_back_end_is_asked_for_by_default() -> None:
    assert settings.backend(None, {settings.BACKEND_VARIABLE: ""}) is None


def test_an_argument_beats_the_variable() -> None:
    assert settings.backend("torch", {settings.BACKEND_VARIABLE: "ollama"}) == "transformers"


def test_an_unknown_back_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.BACKEND_VARIABLE, "vllm")
    with pytest.raises(LLMConfigError, match="LOCAL_LLM_KIT_BACKEND is 'vllm'; the back ends are"):
        LLMClient("tiny")


@pytest.mark.parametrize(
    ("argument", "variable", "expected"),
    [(None, "1", True), (None, "0", False), (None, "", False), (False, "1", False)],
    ids=str,
)
def test_offline_is_an_argument_or_the_hubs_variable(
    argument: bool | None, variable: str, expected: bool
) -> None:
    assert settings.offline(argument, {settings.OFFLINE_VARIABLE: variable}) is expected


def test_what_is_installed_decides_between_the_two_forms_of_a_model() -> None:
    assert loading.loadable_kinds(None)[0] == "gguf"
    with without("llama_cpp"):
        assert loading.loadable_kinds(None)[0] == "safetensors"
    with without("llama_cpp", "torch"):
        assert loading.loadable_kinds(None)[0] == "gguf"


def test_what_is_asked_for_beats_what_is_installed() -> None:
    assert loading.loadable_kinds("transformers") == ("safetensors",)


def test_a_gguf_file_is_not_for_transformers() -> None:
    with pytest.raises(LLMConfigError, match=r"is a GGUF file.* use backend='llama\.cpp'"):
        loading.load_model(str(TINY), LoadOptions(backend="transformers"))


def test_safetensors_alone_are_not_for_llama_cpp(tmp_path: Path) -> None:
    for file in TINY.parent.glob("*"):
        if file.suffix != ".gguf":
            (tmp_path / file.name).symlink_to(file)
    with pytest.raises(LLMConfigError, match=r"reads a GGUF file.* use backend='transformers'"):
        loading.load_model(str(tmp_path), LoadOptions(backend="llama.cpp"))


@pytest.mark.parametrize(
    ("backend", "package", "extra"),
    [("llama.cpp", "llama_cpp", "llama"), ("transformers", "torch", "transformers")],
)
def test_a_missing_package_names_the_extra(backend: str, package: str, extra: str) -> None:
    with without(package), pytest.raises(LLMConfigError, match=rf"pip install '\.\[{extra}\]'"):
        LLMClient("tiny", backend=backend)


VALUES: dict[str, Any] = {
    "model_path": "x", "threads": 2, "progress": True, "trust_remote_code": True,
    "n_gpu_layers": 1, "kv_type": "q8_0", "flash_attention": True, "cache_bytes": 1 << 20,
    "device": "cpu", "dtype": "float32", "quantization": "int8", "adapters": {"a": "b"},
    "draft_model": "tiny", "speculation": "prompt_lookup", "memory_budget": "1GiB",
    "host": "127.0.0.1", "pull": True, "verify": True, "context_length": 512, "n_slots": 2,
    "max_queue": 3, "keep_alive": 5, "offline": True, "backend": "llama.cpp",
    "server_timeout": 5, "on_load": print,
}  # fmt: skip


def test_every_option_is_known_to_some_back_end() -> None:
    assert VALUES.keys() == {field.name for field in fields(LoadOptions)}


@pytest.mark.parametrize("backend", ["llama.cpp", "transformers", "ollama"])
@pytest.mark.parametrize("name", VALUES)
def test_an_option_is_honoured_or_refused_by_name(name: str, backend: str) -> None:
    options = LoadOptions(**{name: VALUES[name]})
    own = load_options._ENGINES[backend].get(name)
    if own is not None:
        assert engine_options(options, backend) == {own: VALUES[name]}
    elif load_options._is_around(name, backend):
        assert engine_options(options, backend) == {}
    else:
        with pytest.raises(LLMConfigError, match=f"{name} is .* which the back end '{backend}'"):
            engine_options(options, backend)


def test_unset_options_are_the_engines_own_choice() -> None:
    assert engine_options(LoadOptions(), "llama.cpp") == {}


def test_every_option_of_ours_is_one_of_the_engine() -> None:
    from local_llm_kit.engines.llama_cpp import LlamaCppOptions
    from local_llm_kit.engines.ollama import OllamaOptions
    from local_llm_kit.engines.transformers import TransformersOptions

    engines = {"llama.cpp": LlamaCppOptions, "transformers": TransformersOptions}
    for backend, cls in (engines | {"ollama": OllamaOptions}).items():
        known = {field.name for field in fields(cls)}
        assert set(load_options._ENGINES[backend].values()) <= known


@pytest.mark.parametrize(
    "options",
    [{"trust_remote_code": "no"}, {"flash_attention": "no"}, {"progress": 1}, {"model_path": 5},
     {"trust_remote_code": 1}, {"pull": "yes"}, {"verify": 1},
     {"offline": True, "pull": True}, {"adapters": ["a"]},
     {"adapters": {"a": 5}}, {"keep_alive": -1}, {"keep_alive": "5m"}, {"keep_alive": True},
     {"keep_alive": float("nan")}, {"on_load": 5}],
    ids=str,
)  # fmt: skip
def test_an_option_of_the_wrong_kind_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(LLMConfigError, match=next(iter(options))):
        LoadOptions(**options)


def test_no_variable_trusts_remote_code(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRUST_REMOTE_CODE", "HF_TRUST_REMOTE_CODE", "LOCAL_LLM_KIT_TRUST_REMOTE_CODE"):
        monkeypatch.setenv(name, "1")
    assert LoadOptions().trust_remote_code is False


def test_folders_reach_the_other_engine() -> None:
    with LLMClient("tiny", backend="torch", context_length=256, dtype="float32") as client:
        assert (client.info.backend, client.info.context_length) == ("transformers", 256)


def test_an_option_that_cannot_be_honoured_is_refused_before_a_download(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "find_model", None)
    with pytest.raises(LLMConfigError, match="device is 'cuda'"):
        LLMClient("owner/name", backend="llama.cpp", device="cuda")


@pytest.mark.parametrize("argument", [None, 256])
def test_every_back_end_takes_the_window_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, argument: int | None
) -> None:
    monkeypatch.setenv(settings.CONTEXT_LENGTH_VARIABLE, "512")
    options = loading._with_window(LoadOptions(context_length=argument))
    for backend in ("llama.cpp", "transformers", "ollama"):
        assert engine_options(options, backend) == {"context_length": argument or 512}


def test_options_reach_the_engine() -> None:
    with LLMClient("tiny", context_length=512, kv_type="q8_0", flash_attention=True) as client:
        assert client.info.context_length == 512
        assert client.completions.create(prompt="Hello", max_tokens=2).usage.completion_tokens


def test_a_draft_model_is_found_by_its_name() -> None:
    options = LoadOptions(draft_model="tiny")
    sources = loading.Sources()
    assert loading._with_draft(options, "gguf", sources).draft_model == str(TINY)
    assert loading._with_draft(options, "safetensors", sources).draft_model == str(TINY.parent)


def test_a_draft_model_has_the_form_of_its_model() -> None:
    options = LoadOptions(draft_model=str(TINY))
    with pytest.raises(LLMConfigError, match="give it in the form of its model: a folder"):
        loading._with_draft(options, "safetensors", loading.Sources())


def test_weights_of_unknown_origin_cannot_be_verified() -> None:
    with pytest.raises(LLMConfigError, match="nobody tells the hash"):
        LLMClient("tiny", verify=True)


def test_a_model_is_no_adapter() -> None:
    with pytest.raises(InvalidRequestError, match="it is no LoRA adapter"):
        gguf.check_adapter(TINY)


def test_an_adapter_is_checked_before_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(TINY.read_bytes()[:5000])
    with pytest.raises(InvalidRequestError, match="not a model that can be loaded"):
        LLMClient("tiny", adapters={"a": str(tmp_path / "a.gguf")})
