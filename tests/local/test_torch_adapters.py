"""LoRA adapters of the torch engine: what they add, and what is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from LLM import InvalidRequestError
from local_llm_kit.engines.protocol import SamplingParams
from tests.local.support import chat_prompt, generate
from tests.local.torch_models import TINY, Bench, random_text, torch_engine

pytestmark = pytest.mark.slow

ALL = {
    "q_proj": ("self_attn", 128, 128),
    "k_proj": ("self_attn", 128, 64),
    "v_proj": ("self_attn", 128, 64),
    "o_proj": ("self_attn", 128, 128),
    "gate_proj": ("mlp", 128, 384),
    "up_proj": ("mlp", 128, 384),
    "down_proj": ("mlp", 384, 128),
}


def make_adapter(
    folder: Path, names: list[str], *, seed: int = 0, size: float = 0.05, **settings: Any
) -> Path:
    """A PEFT folder for the bundled model; each product has a rank of its own."""
    torch.manual_seed(seed)
    tensors: dict[str, Any] = {}
    for layer in range(5):
        for rank, name in enumerate(names, 3):
            part, n_in, n_out = ALL[name]
            prefix = f"base_model.model.model.layers.{layer}.{part}.{name}"
            tensors[f"{prefix}.lora_A.weight"] = torch.randn(rank, n_in) * size
            tensors[f"{prefix}.lora_B.weight"] = torch.randn(n_out, rank) * size
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 3, "lora_alpha": 16, "bias": "none"} | settings
    (folder / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    return folder


def merged_logits(adapter: Path, text: list[int], scale: Any) -> Any:
    """Logits of the bundled model with the adapter multiplied into its weights."""
    from safetensors.torch import load_file

    model = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32).eval()
    tensors = load_file(adapter / "adapter_model.safetensors")
    modules = dict(model.named_modules())
    with torch.inference_mode():
        for key in [key for key in tensors if ".lora_A." in key]:
            down, up = tensors[key], tensors[key.replace("lora_A", "lora_B")]
            name = key.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            modules[name].weight += up @ down * scale(len(down))
        return model(torch.tensor([text])).logits[0].numpy()


@pytest.mark.parametrize(
    "names", [list(ALL), ["q_proj", "v_proj"], ["up_proj"]], ids=["all", "q and v", "up"]
)
@pytest.mark.parametrize("rslora", [False, True], ids=["by rank", "by its root"])
def test_an_adapter_computes_what_merging_it_would(
    names: list[str], rslora: bool, tmp_path: Path
) -> None:
    adapter = make_adapter(tmp_path / "a", names, use_rslora=rslora)
    bench, text = Bench(TINY, adapters={"a": adapter}), random_text(1, 20)
    bench.runner.use_adapter("a")
    wanted = merged_logits(adapter, text, lambda rank: 16 / (rank**0.5 if rslora else rank))
    assert np.abs(bench.compute((0, 0, text)) - wanted).max() < 1e-3
    bench.runner.use_adapter(None)
    bench.runner.clear()
    assert np.abs(bench.compute((0, 0, text)) - bench.reference(text)).max() < 1e-4


def test_requests_with_and_without_adapters_run_side_by_side(tmp_path: Path) -> None:
    adapters = {
        name: make_adapter(tmp_path / name, list(ALL), seed=i, size=0.3)
        for i, name in enumerate(("one", "two"))
    }
    greedy = SamplingParams(temperature=0)
    wanted = [None, "one", "two", None, "one"]
    with torch_engine(adapters=adapters) as engine:

        def ask(adapter: str | None) -> Any:
            prompt = chat_prompt("Who are you?")
            return generate(engine, prompt, sampling=greedy, max_tokens=12, adapter=adapter)

        alone = {name: ask(name).wait().text for name in (None, "one", "two")}
        together = [ask(name) for name in wanted]
        assert [call.wait().text for call in together] == [alone[name] for name in wanted]
        assert len(set(alone.values())) == 3


def test_an_unknown_adapter_is_named(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path, ["q_proj"])
    with (
        torch_engine(adapters={"known": adapter}) as engine,
        pytest.raises(InvalidRequestError, match=r"no adapter 'other'.*'known'"),
    ):
        generate(engine, "a", adapter="other")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"use_dora": True}, "use_dora is True"),
        ({"bias": "all"}, "bias is 'all'"),
        ({"peft_type": "IA3"}, "peft_type is 'IA3'"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save is ['lm_head']"),
        ({"lora_alpha": "much"}, "lora_alpha is 'much'"),
    ],
    ids=str,
)
def test_what_is_not_plain_lora_is_refused(settings: Any, message: str, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path, ["q_proj"], **settings)
    with pytest.raises(InvalidRequestError) as caught:
        Bench(TINY, adapters={"a": adapter})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("key", "shape", "message"),
    [
        ("model.layers.0.self_attn.q_proj.lora_A", (3, 128), "lacks one of its two matrices"),
        ("model.layers.9.self_attn.q_proj.lora_", (3, 128), "'q_proj' in layer 9"),
        ("model.layers.0.self_attn.x_proj.lora_", (3, 128), "'x_proj' in layer 0"),
        ("model.layers.0.self_attn.q_proj.lora_", (3, 99), "where the model has 128 by 128"),
        ("lm_head.lora_A", (3, 128), "which is no LoRA of a product in a layer"),
    ],
    ids=["one half", "layer", "product", "size", "head"],
)
def test_an_adapter_that_does_not_fit_says_where(
    key: str, shape: tuple[int, int], message: str, tmp_path: Path
) -> None:
    adapter = make_adapter(tmp_path, [])
    tensors = {f"base_model.model.{key}.weight": torch.ones(shape)}
    if key.endswith("lora_"):
        tensors = {
            f"base_model.model.{key}A.weight": torch.ones(shape),
            f"base_model.model.{key}B.weight": torch.ones(128, 3),
        }
    save_file(tensors, adapter / "adapter_model.safetensors")
    with pytest.raises(InvalidRequestError) as caught:
        Bench(TINY, adapters={"mine": adapter})
    assert message in str(caught.value)
    assert "'mine'" in str(caught.value)


def test_an_adapter_that_does_not_say_what_it_is_is_refused(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path, ["q_proj"])
    (adapter / "adapter_config.json").write_text('{"lora_alpha": 16}', "utf-8")
    with pytest.raises(InvalidRequestError, match="peft_type is None"):
        Bench(TINY, adapters={"a": adapter})


def test_a_pickled_adapter_is_refused(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path, ["q_proj"])
    (adapter / "adapter_model.safetensors").unlink()
    (adapter / "adapter_model.bin").write_bytes(pickle.dumps({}))
    with pytest.raises(InvalidRequestError, match="a format that can run code"):
        Bench(TINY, adapters={"a": adapter})


def test_a_damaged_adapter_is_refused(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path, ["q_proj"])
    file = adapter / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(InvalidRequestError, match="15,350 are there"):
        Bench(TINY, adapters={"a": adapter})
