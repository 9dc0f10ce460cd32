"""Embeddings: the states of a text's tokens, pooled into one vector of length 1."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from LLM.exceptions import InvalidRequestError
from local_llm_kit import strict_json
from local_llm_kit.engines.compute import Row
from local_llm_kit.engines.transformers.attention import FreshAttention
from local_llm_kit.engines.transformers.network import Network

Pooling = Callable[[Any], Any]

_MAX_BYTES = 1 << 20
_MODES: dict[str, Pooling] = {
    "mean": lambda states: states.mean(dim=0),
    "cls": lambda states: states[0],
    "lasttoken": lambda states: states[-1],
}
#: The older spelling of the same choice: one switch for each mode.
_SWITCHES = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_lasttoken": "lasttoken",
}
_MODULES = {"Transformer", "Pooling", "Normalize"}


def find_pooling(folder: Path) -> Pooling:
    """How a checkpoint's states become one vector: as sentence-transformers' files say, else mean.

    :raises InvalidRequestError: they say something that is not known here.
    """
    modules = folder / "modules.json"
    if not modules.is_file():
        return _MODES["mean"]
    try:
        if modules.stat().st_size > _MAX_BYTES:
            raise ValueError("it is too long")
        kinds = {str(m["type"]).rpartition(".")[2] for m in json.loads(modules.read_bytes())}
        if other := kinds - _MODULES:
            raise ValueError(f"it has a module {min(other)!r}")
        return _MODES[_mode(strict_json.read(folder / "1_Pooling" / "config.json", _MAX_BYTES))]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as err:
        raise InvalidRequestError(
            f"{str(folder)!r} says how its embeddings are made, and that is not known here: {err}",
            code="unsupported_parameter",
        ) from err


def _mode(config: dict[str, Any]) -> str:
    chosen = config.get("pooling_mode")
    modes = [chosen] if chosen else [m for key, m in _SWITCHES.items() if config.get(key)]
    others = [key for key, on in config.items() if on is True and key.startswith("pooling_mode")]
    if len(modes) != 1 or modes[0] not in _MODES or not set(others) <= _SWITCHES.keys():
        raise ValueError(f"its pooling is {modes or others!r}; known is one of {sorted(_MODES)}")
    return str(modes[0])


def embed(
    network: Network,
    device: Any,
    prompts: Sequence[Sequence[int]],
    pooling: Pooling,
    *,
    n_threads: int,
) -> Row:
    """(len(prompts), n_embd) float32, each of length 1; any thread."""
    with torch.inference_mode(), _computing_threads(n_threads):
        vectors = [pooling(_states(network, device, prompt).float()) for prompt in prompts]
        rows = torch.nn.functional.normalize(torch.stack(vectors), dim=1)
        unit: Row = rows.cpu().numpy()
    return unit


@contextmanager
def _computing_threads(n: int) -> Iterator[None]:
    """Compute with so many threads: the last digits depend on it, and not on who calls."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _states(network: Network, device: Any, prompt: Sequence[int]) -> Any:
    tokens = torch.tensor(prompt, dtype=torch.int64, device=device)
    positions = torch.arange(len(prompt), device=device)
    return network.hidden(tokens, positions, FreshAttention())
