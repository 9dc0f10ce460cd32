"""Folders that the torch engine refuses, and that no code of theirs runs."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from LLM import InvalidRequestError, LLMConfigError
from local_llm_kit.engines.transformers import TransformersEngine, TransformersOptions
from tests.local.support import chat_prompt, generate
from tests.local.test_torch_vocabulary import copy_tiny
from tests.local.torch_models import make_model, torch_engine

pytestmark = pytest.mark.slow


class Canary:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self._path,)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def hostile(tmp_path: Path, canary: Path) -> Path:
    """A model whose every file would run code."""
    folder = copy_tiny(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    for name in ("pytorch_model.bin", "model.pt", "weights.pkl"):
        (folder / name).write_bytes(pickle.dumps(Canary(canary)))
    code = f"import pathlib\npathlib.Path({str(canary)!r}).touch()\nclass C: pass\n"
    (folder / "evil.py").write_text(code, "utf-8")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    evil = {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.C", "AutoTokenizer": "evil.C"}
    config |= {"auto_map": evil, "trust_remote_code": True}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder


def load(folder: Path, **options: Any) -> None:
    with torch_engine(folder, **options):
        pass


def test_nothing_of_a_hostile_folder_runs(
    hostile: Path, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TRUST_REMOTE_CODE", "HF_TRUST_REMOTE_CODE", "HF_HUB_TRUST_REMOTE_CODE"):
        monkeypatch.setenv(name, "1")
    with pytest.raises(InvalidRequestError, match="asks to run code"):
        load(hostile)
    assert not canary.exists()


def test_pickles_are_refused_even_where_code_is_trusted(hostile: Path, canary: Path) -> None:
    with pytest.raises(InvalidRequestError, match="a format that can run code when it is read"):
        load(hostile, trust_remote_code=True)
    assert not canary.exists()


@pytest.mark.parametrize("file", ["config", "tokenizer_config", "generation_config"])
def test_code_named_in_any_settings_is_refused(file: str, tmp_path: Path) -> None:
    copy_tiny(tmp_path, **{file: {"auto_map": {"AutoTokenizer": ["evil.T", None]}}})
    with pytest.raises(InvalidRequestError, match=f"{file}.json asks to run code"):
        load(tmp_path)


def test_kernels_of_a_stranger_are_refused(tmp_path: Path) -> None:
    copy_tiny(tmp_path, config={"_attn_implementation_internal": "stranger/kernel"})
    with pytest.raises(InvalidRequestError, match="names foreign code"):
        load(tmp_path)


CODE = """
from transformers import LlamaConfig, LlamaForCausalLM

class OwnConfig(LlamaConfig):
    model_type = "own_kind"

class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig
"""


def test_code_runs_once_the_caller_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "m"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = make_model(tmp_path / "model", "Llama")
    (folder / "own.py").write_text(CODE, "utf-8")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    names = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnForCausalLM"}
    config |= {"model_type": "own_kind", "architectures": ["OwnForCausalLM"], "auto_map": names}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(InvalidRequestError, match="trust_remote_code=True"):
        load(folder)
    with torch_engine(folder, trust_remote_code=True) as engine:
        done = generate(engine, chat_prompt("Hi"), max_tokens=4).wait()
        assert done.end.completion_tokens <= 4


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"quantization_config": {"quant_method": "awq"}}, "'awq', which needs the library gptq"),
        ({"quantization_config": {"quant_method": "mine"}}, "needs a library of its own"),
        ({"model_type": "unheard_of"}, "does not take the config.json"),
        ({"num_hidden_layers": 9}, "there is no tensor 'model.layers.5"),
        ({"intermediate_size": 300}, "is (384, 128), and config.json makes it (300, 128)"),
        ({"hidden_size": "wide"}, "does not take the config.json"),
        ({"max_position_embeddings": 0}, "max_position_embeddings is 0"),
        ({"num_key_value_heads": 3}, "cannot load"),
        ({"num_attention_heads": 0}, "does not take the config.json"),
        ({"architectures": 5}, "does not take the config.json"),
        ({"rope_parameters": {"rope_type": "unheard_of"}}, "does not take the config.json"),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": "x"}}, "does not take the"),
        ({"rope_parameters": {"rope_type": ["default"]}}, "does not take the config.json"),
    ],
    ids=str,
)
def test_a_model_that_cannot_be_loaded_says_why(config: Any, message: str, tmp_path: Path) -> None:
    copy_tiny(tmp_path, config=config)
    with pytest.raises(InvalidRequestError) as caught:
        load(tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("family", "settings", "message"),
    [
        ("Falcon", {"alibi": False}, "computes attention in a way of its own"),
        ("Mamba", {"max_position_embeddings": None}, "as in models that are recurrent"),
        ("Qwen3Next", {}, "layers of the kind 'linear_attention'"),
    ],
    ids=["falcon", "mamba", "qwen3-next"],
)
def test_a_model_that_cannot_run_in_batches_says_why(
    family: str, settings: Any, message: str, tmp_path: Path
) -> None:
    make_model(tmp_path, family, **settings)
    with pytest.raises(InvalidRequestError, match=message) as caught:
        load(tmp_path)
    assert "GGUF" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "float8"}, "dtype is 'float8'; choose of float32, bfloat16, float16"),
        ({"quantization": "int4"}, "quantization is 'int4'; choose of int8"),
        ({"quantization": "int8", "dtype": "float32"}, "int8 weights are computed in bfloat16"),
        ({"speculation": "guess"}, "speculation is 'guess'"),
        ({"speculation": "prompt_lookup", "draft_path": "x"}, "give one of them"),
        ({"n_slots": 0}, "n_slots is 0; give a whole number from 1 to 1,024"),
        ({"context_length": True}, "context_length is True"),
        ({"device": "tpu"}, "device is 'tpu'; give 'cpu', 'cuda'"),
        ({"device": "cuda:99"}, "GPUs; leave it out"),
        ({"context_length": 4096}, "the model was trained for 2048 tokens"),
        ({"cache_bytes": 1000}, "cache_bytes is 1,000, but one window of 2048 tokens takes"),
    ],
    ids=str,
)
def test_an_option_that_cannot_work_says_what_can(
    options: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(LLMConfigError) as caught:
        TransformersEngine(str(copy_tiny(tmp_path)), "x", TransformersOptions(**options))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"quantization": "int8"}, {"adapters": {"a": "x"}}], ids=["int8", "adapters"]
)
def test_what_only_the_llama_family_can_is_refused_elsewhere(options: Any, tmp_path: Path) -> None:
    make_model(tmp_path, "GPT2", n_positions=256)
    with pytest.raises(LLMConfigError, match="works for models of the Llama family"):
        load(tmp_path, **options)


@pytest.mark.parametrize("asked", [None, 64], ids=["by default", "asked for"])
def test_the_window_of_longrope_ends_where_its_frequencies_change(
    asked: int | None, tmp_path: Path
) -> None:
    rope = {"rope_type": "longrope", "rope_theta": 10000.0, "factor": 4.0}
    rope |= {"short_factor": [1.0] * 8, "long_factor": [2.0] * 8}
    rope |= {"original_max_position_embeddings": 64}
    make_model(tmp_path, "Llama", rope_parameters=rope)
    with torch_engine(tmp_path, context_length=asked) as engine:
        assert engine.info.context_length == engine.info.n_ctx_train == 64
    with pytest.raises(LLMConfigError, match="trained for 64 tokens"):
        load(tmp_path, context_length=65)
