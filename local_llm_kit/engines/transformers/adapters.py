"""LoRA adapters in the form that PEFT writes, put beside the fused decoder's products.

Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021; the names of files
and settings are PEFT's.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch
from safetensors import safe_open

from LLM.exceptions import InvalidRequestError
from local_llm_kit import safetensors_file, strict_json
from local_llm_kit.checkpoint import PICKLES
from local_llm_kit.engines.transformers.decoder import Dimensions, FusedDecoder
from local_llm_kit.engines.transformers.linear import LowRank
from local_llm_kit.engines.transformers.rope import pair_up

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"

_MAX_CONFIG_BYTES = 4 << 20
_NAME = re.compile(
    r"base_model\.model\.model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+_proj)\.lora_([AB])\.weight"
)
#: Settings that change what is computed, with the values under which it is plain LoRA.
_PLAIN: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "bias": (None, "none"),
    "use_dora": (None, False),
    "use_qalora": (None, False),
    "fan_in_fan_out": (None, False),
    "lora_bias": (None, False),
    "alpha_pattern": (None, {}),
    "modules_to_save": (None, []),
    "trainable_token_indices": (None, [], {}),
    "layer_replication": (None, []),
    "alora_invocation_tokens": (None, []),
}

_Pair = tuple[Any, Any]


def add_adapter(
    decoder: FusedDecoder, name: str, folder: str | os.PathLike[str], *, dtype: Any, device: Any
) -> None:
    """Load an adapter so that rows can be computed with it by its name.

    :param folder: holds ``adapter_config.json`` and ``adapter_model.safetensors``.
    :raises InvalidRequestError: it is damaged, a pickle, or something other than plain LoRA on the
        products of this model.
    """
    reader = _Reader(name, Path(folder), dtype, device)
    matrices = reader.read()
    products = _products(decoder.dims)
    for index, layer in enumerate(decoder.layers):
        for linear, parts in products.items():
            found = [(part, matrices.pop((index, part.name), None)) for part in parts]
            if any(pair is not None for _, pair in found):
                product = getattr(layer, linear)
                addition = reader.join(found, product.n_in, decoder.dims.head_width)
                product.adapters = {**product.adapters, name: addition}
    if matrices:
        index, unknown = min(matrices)
        reader.fail(f"it changes {unknown!r} in layer {index}, which the model does not have")


class _Part(NamedTuple):
    """A product of the checkpoint within a fused one.

    :ivar n_out: its outputs.
    :ivar turned: their coordinates are turned in pairs.
    """

    name: str
    n_out: int
    turned: bool = False


def _products(dims: Dimensions) -> dict[str, list[_Part]]:
    """The fused products by name, and what each is made of."""
    kv_size = dims.n_kv_heads * dims.head_width
    return {
        "qkv": [
            _Part("q_proj", dims.n_heads * dims.head_width, turned=True),
            _Part("k_proj", kv_size, turned=True),
            _Part("v_proj", kv_size),
        ],
        "out": [_Part("o_proj", dims.hidden)],
        "gate_up": [_Part("gate_proj", dims.inner), _Part("up_proj", dims.inner)],
        "down": [_Part("down_proj", dims.hidden)],
    }


class _Reader:
    """Reads one adapter; every error names it.

    :param name: the caller's name for it.
    """

    def __init__(self, name: str, folder: Path, dtype: Any, device: Any) -> None:
        self._name = name
        self._folder = folder
        self._dtype = dtype
        self._device = device

    def fail(self, what: str, err: BaseException | None = None) -> NoReturn:
        """Refuse the adapter."""
        raise InvalidRequestError(
            f"the adapter {self._name!r} ({str(self._folder)!r}) cannot be used: {what}",
            code="invalid_adapter",
        ) from err

    def read(self) -> dict[tuple[int, str], _Pair]:
        """By layer and product: (rank, n_in) and, scaled, (n_out, rank)."""
        config = self._config()
        halves: dict[tuple[int, str], dict[str, Any]] = {}
        path = self._folder / WEIGHTS
        if not path.is_file():
            pickled = [p.name for p in self._folder.glob("*") if p.suffix in PICKLES]
            self.fail(
                f"its weights are in {pickled[0]!r}, a format that can run code when it is read; "
                "save them as safetensors"
                if pickled
                else f"it has no {WEIGHTS}"
            )
        safetensors_file.check(path)
        with safe_open(path, framework="pt", device="cpu") as file:
            for key in file.keys():  # noqa: SIM118  # the file is no mapping
                match = _NAME.fullmatch(key)
                if match is None:
                    self.fail(f"it holds {key[:96]!r}, which is no LoRA of a product in a layer")
                place = (int(match[1]), match[2])
                halves.setdefault(place, {})[match[3]] = file.get_tensor(key)
        return {place: self._pair(place, half, config) for place, half in halves.items()}

    def _config(self) -> Mapping[str, Any]:
        try:
            config = strict_json.read(self._folder / CONFIG, _MAX_CONFIG_BYTES)
        except (OSError, ValueError) as err:
            self.fail(f"its {CONFIG} cannot be read ({err})", err)
        for setting, plain in _PLAIN.items():
            if (found := config.get(setting)) not in plain:
                self.fail(f"{setting} is {found!r}, and only plain LoRA is known here")
        alpha = config.get("lora_alpha")
        if not isinstance(alpha, (int, float)) or isinstance(alpha, bool):
            self.fail(f"lora_alpha is {alpha!r}, which is no number")
        return config

    def _pair(
        self, place: tuple[int, str], half: Mapping[str, Any], config: Mapping[str, Any]
    ) -> _Pair:
        if set(half) != {"A", "B"} or half["A"].ndim != 2 or half["B"].ndim != 2:
            self.fail(f"{place[1]!r} of layer {place[0]} lacks one of its two matrices")
        down, up = half["A"].float(), half["B"].float()
        rank = down.shape[0]
        if up.shape[1] != rank or rank < 1:
            self.fail(f"{place[1]!r} of layer {place[0]} has ranks {rank} and {up.shape[1]}")
        divisor = math.sqrt(rank) if config.get("use_rslora") else rank
        return down, up * (config["lora_alpha"] / divisor)

    def join(
        self, parts: Sequence[tuple[_Part, _Pair | None]], n_in: int, head_width: int
    ) -> LowRank:
        """One addition to a fused product: each part's outputs come from its own ranks alone."""
        downs: list[Any] = []
        ups: list[Any] = []
        for part, pair in parts:
            down, up = pair or (torch.zeros(0, n_in), torch.zeros(part.n_out, 0))
            if (down.shape[1], up.shape[0]) != (n_in, part.n_out):
                self.fail(
                    f"it has a {part.name!r} of {down.shape[1]} by {up.shape[0]} where the model "
                    f"has {n_in} by {part.n_out}"
                )
            downs.append(down)
            ups.append(pair_up(up, head_width) if part.turned else up)
        down, up = torch.cat(downs), torch.block_diag(*ups)
        return LowRank(down.to(self._device, self._dtype), up.to(self._device, self._dtype))
