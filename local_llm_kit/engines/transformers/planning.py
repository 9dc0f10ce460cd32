"""Where a model is computed and in which type, how long its window is and how large its cache."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

import torch

from LLM.exceptions import InvalidRequestError, LLMConfigError
from local_llm_kit import devices
from local_llm_kit.checkpoint import Checkpoint
from local_llm_kit.engines.defaults import DEFAULT_CACHE_BYTES, affordable_cells
from local_llm_kit.engines.transformers.options import TransformersOptions

_STORED = {"F32": "float32", "F64": "float32", "BF16": "bfloat16", "F16": "float16"}
#: Libraries that transformers needs for weights that were quantised before.
_QUANTIZERS = {
    "awq": "gptqmodel",
    "bitsandbytes": "bitsandbytes",
    "compressed-tensors": "compressed-tensors",
    "fp8": "accelerate, and a GPU",
    "gptq": "gptqmodel",
    "hqq": "hqq",
    "mxfp4": "kernels, and a GPU",
    "quanto": "optimum-quanto",
    "torchao": "torchao",
}


def refuse_quantized(checkpoint: Checkpoint) -> None:
    """Refuse weights that were quantised when they were saved.

    :raises InvalidRequestError: they were; names the library that reads them.
    """
    settings = checkpoint.config.get("quantization_config")
    if settings is None:
        return
    method = str(settings.get("quant_method") if isinstance(settings, dict) else settings)[:64]
    library = _QUANTIZERS.get(method)
    raise InvalidRequestError(
        f"the weights of {str(checkpoint.folder)!r} are quantised by {method!r}, which needs "
        + (f"the library {library}" if library else "a library of its own")
        + "; take the unquantised model, with quantization='int8' on a CPU, or a GGUF file of it",
        code="model_not_loadable",
    )


def choose_device(name: str | None) -> Any:
    """The device to compute on.

    :raises LLMConfigError: there is no such device.
    """
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name is None:
        return torch.device("cuda" if n_gpus else "cpu")
    match = re.fullmatch(r"cpu|cuda(?::(\d{1,3}))?", name)
    if match is None:
        raise LLMConfigError(f"device is {name!r}; give 'cpu', 'cuda' or 'cuda:N'")
    if name != "cpu" and int(match[1] or 0) >= n_gpus:
        raise LLMConfigError(
            f"device is {name!r}, but torch {torch.__version__} sees {n_gpus} GPUs; leave it out "
            "for what is there"
        )
    return torch.device(name)


def choose_dtype(options: TransformersOptions, checkpoint: Checkpoint, device: Any) -> Any:
    """The type of the weights in memory; see `TransformersOptions.dtype`.

    On a CPU without instructions for it, a product in bfloat16 takes as long as in float32 for one
    row, twice as long for eight and six times for 64 (4,864 by 896, AVX2); float16 is no better.
    """
    if options.quantization is not None:
        return torch.bfloat16
    if options.dtype is not None:
        return getattr(torch, options.dtype)
    stored = stored_dtype(checkpoint)
    if device.type != "cpu" or (stored == "bfloat16" and _cpu_has_bfloat16()):
        return getattr(torch, stored)
    host = devices.host()
    fits = host is None or 4 * count_params(checkpoint) <= host.total_bytes // 2
    return torch.float32 if fits else getattr(torch, stored)


def stored_dtype(checkpoint: Checkpoint) -> str:
    """The type that most of the weights have.

    :raises InvalidRequestError: it is none that weights are computed in.
    """
    sizes: Counter[str] = Counter()
    for tensor in checkpoint.tensors.values():
        sizes[tensor.dtype] += tensor.size_bytes
    found = sizes.most_common(1)[0][0]
    if found not in _STORED:
        raise InvalidRequestError(
            f"the weights of {str(checkpoint.folder)!r} are of the type {found!r}; take a version "
            f"with one of {', '.join(_STORED)}",
            code="model_not_loadable",
        )
    return _STORED[found]


def count_params(checkpoint: Checkpoint) -> int:
    """Numbers in the weights."""
    return sum(math.prod(tensor.shape) for tensor in checkpoint.tensors.values())


def _cpu_has_bfloat16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def choose_n_cells(options: TransformersOptions, window: int, cell_bytes: int, device: Any) -> int:
    """Tokens of cache: a full window for every slot, as far as the budget goes.

    :param cell_bytes: bytes that one token takes in all layers.
    :raises LLMConfigError: the budget is too small for one window.
    """
    affordable = affordable_cells(
        options.cache_bytes, cell_bytes, window, _default_cache_bytes(device)
    )
    return max(window, min(window * options.n_slots, affordable))


def _default_cache_bytes(device: Any) -> int:
    if device.type == "cpu":
        return DEFAULT_CACHE_BYTES
    return max(DEFAULT_CACHE_BYTES, int(torch.cuda.mem_get_info(device)[0]) // 2)
