"""From a checked folder to a network that computes: fused where that is known, else general."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig

from LLM.exceptions import InvalidRequestError, LLMConfigError
from local_llm_kit.checkpoint import Checkpoint, check_folder
from local_llm_kit.engines.defaults import choose_window, default_threads
from local_llm_kit.engines.transformers import planning
from local_llm_kit.engines.transformers.adapters import add_adapter
from local_llm_kit.engines.transformers.cache import SlotCache
from local_llm_kit.engines.transformers.decoder import FusedDecoder
from local_llm_kit.engines.transformers.family import (
    fused_dimensions,
    make_rope,
    trained_window,
)
from local_llm_kit.engines.transformers.linear import Int8Linear, Linear
from local_llm_kit.engines.transformers.network import Network
from local_llm_kit.engines.transformers.options import TransformersOptions
from local_llm_kit.engines.transformers.runner import TorchRunner
from local_llm_kit.engines.transformers.weights import Weights

_BATCH_ROWS = 512
#: What a configuration must tell.
_SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "max_position_embeddings")


@dataclass(frozen=True, slots=True)
class Built:
    """A loaded model.

    :param n_trained: longest text in tokens that the model is fit for.
    :param n_params: number of weights.
    :param n_embd: length of an embedding.
    :param n_threads: threads of the computation on a CPU.
    """

    checkpoint: Checkpoint
    network: Network
    device: Any
    dtype: Any
    window: int
    n_trained: int
    n_vocab: int
    n_params: int
    n_embd: int
    n_layers: int
    n_threads: int


def build(path: str, options: TransformersOptions) -> Built:
    """Check, plan and load a folder.

    :raises InvalidRequestError: the folder is damaged, would run code, or is no model that can be
        run here.
    :raises LLMConfigError: an option cannot work with this model or on this machine.
    """
    checkpoint = check_folder(path, trust_remote_code=options.trust_remote_code)
    planning.refuse_quantized(checkpoint)
    device = planning.choose_device(options.device)
    dtype = planning.choose_dtype(options, checkpoint, device)
    config = _config(checkpoint, options.trust_remote_code)
    text = config.get_text_config()
    with _reading_config(checkpoint):
        n_trained = trained_window(text)
    window = choose_window(options.context_length, n_trained)
    n_params = planning.count_params(checkpoint)
    network = _network(checkpoint, config, options, dtype=dtype, device=device, window=window)
    return Built(
        checkpoint=checkpoint,
        network=network,
        device=device,
        dtype=dtype,
        window=window,
        n_trained=n_trained,
        n_vocab=text.vocab_size,
        n_params=n_params,
        n_embd=text.hidden_size,
        n_layers=text.num_hidden_layers,
        n_threads=options.n_threads or default_threads(n_params),
    )


@contextmanager
def _reading_config(checkpoint: Checkpoint) -> Iterator[None]:
    """Make of whatever is raised an error of ours.

    What a config holds is checked by each model's own code, by some of them not at all.
    """
    try:
        yield
    except Exception as err:
        raise InvalidRequestError(
            f"transformers does not take the config.json of {str(checkpoint.folder)!r}: {err}",
            code="model_not_loadable",
        ) from err


def _config(checkpoint: Checkpoint, trust_remote_code: bool) -> Any:
    with _reading_config(checkpoint):
        config = AutoConfig.from_pretrained(
            str(checkpoint.folder), local_files_only=True, trust_remote_code=trust_remote_code
        )
        sizes = [getattr(config.get_text_config(), name, None) for name in _SIZES]
    for name, size in zip(_SIZES, sizes, strict=True):
        if not isinstance(size, int) or size < 1:
            raise InvalidRequestError(
                f"{str(checkpoint.folder)!r} ({config.model_type}) cannot be run here: its {name} "
                f"is {size!r}, as in models that are recurrent, encode first, or weigh "
                "positions in their attention; take a GGUF file of it and the back end llama.cpp",
                code="model_not_loadable",
            )
    return config


def _network(
    checkpoint: Checkpoint,
    config: Any,
    options: TransformersOptions,
    *,
    dtype: Any,
    device: Any,
    window: int,
) -> Network:
    with _reading_config(checkpoint):
        dims = fused_dimensions(config, window)
        rope = None if dims is None else make_rope(config, device)
    if dims is None or rope is None:
        return _general(checkpoint, config, options, dtype=dtype, device=device, window=window)
    kind: type[Linear] = Linear
    if options.quantization == "int8":
        _check_int8(device)
        kind = Int8Linear
    with Weights(checkpoint, dtype, device) as weights, torch.inference_mode():
        decoder = FusedDecoder(dims, rope, weights, kind)
        for name, folder in options.adapters.items():
            add_adapter(decoder, name, folder, dtype=dtype, device=device)
    return decoder


def _check_int8(device: Any) -> None:
    if device.type != "cpu" or not hasattr(torch, "_weight_int8pack_mm"):
        raise LLMConfigError(
            f"quantization is 'int8', which torch {torch.__version__} computes on a CPU only, and "
            f"the device is {str(device)!r}; leave it out, or give device='cpu'"
        )


def _general(
    checkpoint: Checkpoint,
    config: Any,
    options: TransformersOptions,
    *,
    dtype: Any,
    device: Any,
    window: int,
) -> Network:
    for name, value in (("quantization", options.quantization), ("adapters", options.adapters)):
        if value:
            raise LLMConfigError(
                f"{name} is {value!r}, which works for models of the Llama family, and this is "
                f"{config.model_type!r}; leave it out",
                code="unsupported_option",
            )
    # Here and not above: it loads transformers' modules, which the fused decoder does without.
    from local_llm_kit.engines.transformers.general import GeneralNetwork

    return GeneralNetwork(
        checkpoint,
        config,
        dtype=dtype,
        device=device,
        window=window,
        trust_remote_code=options.trust_remote_code,
    )


def make_runner(built: Built, options: TransformersOptions) -> TorchRunner:
    """A runner for a loaded model, with a cache of its own."""
    shapes = built.network.cache_shapes
    cell_bytes = built.dtype.itemsize * sum(shape.n_numbers for shape in shapes)
    n_cells = planning.choose_n_cells(options, built.window, cell_bytes, built.device)
    n_slots = options.n_slots
    if built.device.type != "cpu":  # each slot takes a whole window there
        n_slots = min(n_slots, n_cells // built.window)
    cache = SlotCache(
        shapes,
        n_slots=n_slots,
        window=built.window,
        n_cells=n_cells,
        dtype=built.dtype,
        device=built.device,
    )
    n_rows = max(_BATCH_ROWS, options.n_slots + 1)  # each slot has a row of its own in a step
    return TorchRunner(built.network, cache, n_rows, built.n_threads)
