"""How a model is to be found and run, and which of it each back end can honour."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from LLM.exceptions import LLMConfigError
from local_llm_kit.load_progress import LoadWatch

#: Thirty years, which every clock can count.
_MAX_KEEP_ALIVE_S = 1e9


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load a model; None leaves a choice to the environment or to the engine.

    An option that the back end cannot honour is an error that names it.

    :param model_path: the weights, where the model's name does not say.
    :param backend: ``llama.cpp``, ``transformers`` or ``ollama``.
    :param context_length: window in tokens, prompt and output together.
    :param n_slots: calls that run at once.
    :param max_queue: calls that may wait beyond those.
    :param threads: threads of the computation.
    :param offline: download nothing. Default: ``HF_HUB_OFFLINE``.
    :param progress: show a bar on stderr while downloading. Default: on a terminal.
    :param verify: read the weights of a model from the hub or from Ollama's store once more, and
        hold them against their hashes, before they are loaded.
    :param trust_remote_code: run code that comes with a model (transformers). Only this argument
        can say so, no variable.
    :param n_gpu_layers: layers held on a GPU, -1 for all (llama.cpp).
    :param kv_type: type of the cache's numbers: ``f16``, ``q8_0``, ... (llama.cpp).
    :param flash_attention: True or False (llama.cpp).
    :param cache_bytes: most that the key-value cache may take.
    :param device: ``cpu``, ``cuda``, ``cuda:1`` (transformers).
    :param dtype: ``float32``, ``bfloat16``, ``float16`` (transformers).
    :param quantization: ``int8`` (transformers).
    :param adapters: LoRA adapters by the names that calls give: GGUF files for llama.cpp, folders
        for transformers.
    :param draft_model: a smaller model with the same vocabulary that guesses ahead, named as
        models are, in the same form.
    :param speculation: ``prompt_lookup`` guesses that what stood in the prompt comes again.
    :param memory_budget: most that the models of a client may take: bytes, ``"6GiB"``, ``"50%"``.
    :param keep_alive: seconds that a model nobody uses stays loaded, at least 0; None for ever, or
        as long as the Ollama server keeps it.
    :param host: address of the Ollama server.
    :param pull: let the Ollama server download the model.
    :param server_timeout: seconds that the Ollama server may say nothing, while it loads a model or
        reads a prompt; default 600.
    :param on_load: told how far loading has come, from when the files are found; not of Ollama's
        models. What it raises ends the loading.
    """

    model_path: str | os.PathLike[str] | None = None
    backend: str | None = None
    context_length: int | None = None
    n_slots: int = 8
    max_queue: int = 256
    threads: int | None = None
    offline: bool | None = None
    progress: bool | None = None
    verify: bool = False
    trust_remote_code: bool = False
    n_gpu_layers: int | None = None
    kv_type: str | None = None
    flash_attention: bool | None = None
    cache_bytes: int | None = None
    device: str | None = None
    dtype: str | None = None
    quantization: str | None = None
    adapters: Mapping[str, str | os.PathLike[str]] | None = None
    draft_model: str | os.PathLike[str] | None = None
    speculation: str | None = None
    memory_budget: int | str | None = None
    keep_alive: float | None = None
    host: str | None = None
    pull: bool = False
    server_timeout: float | None = None
    on_load: LoadWatch | None = None

    def __post_init__(self) -> None:
        self._check_keep_alive()
        # A text such as "no" must not mean yes.
        for name in ("trust_remote_code", "verify", "pull"):
            if not isinstance(value := getattr(self, name), bool):
                raise LLMConfigError(f"{name} is {value!r}; give True or False")
        for name in ("progress", "flash_attention"):
            if not isinstance(value := getattr(self, name), bool | None):
                raise LLMConfigError(f"{name} is {value!r}; give True, False or None")
        if not isinstance(self.model_path, str | os.PathLike | None):
            raise LLMConfigError(f"model_path is {self.model_path!r}; give the path of a model")
        if not (self.on_load is None or callable(self.on_load)):
            raise LLMConfigError(f"on_load is {self.on_load!r}; give a function, or None")
        if self.pull and self.offline:
            raise LLMConfigError("pull and offline are both True; choose one of them")
        if not _is_paths(self.adapters):
            raise LLMConfigError(
                f"adapters is {self.adapters!r}; give a dict of names and paths of LoRA adapters"
            )

    def _check_keep_alive(self) -> None:
        value = self.keep_alive
        if value is None:
            return
        if type(value) not in (int, float) or not 0 <= value <= _MAX_KEEP_ALIVE_S:
            shown = "too large" if isinstance(value, int) and value > 0 else repr(value)
            raise LLMConfigError(
                f"keep_alive is {shown}; give 0 to {_MAX_KEEP_ALIVE_S:.0e} seconds, or None to "
                "keep it for ever"
            )


def _is_paths(value: object) -> bool:
    if not isinstance(value, Mapping):
        return value is None
    return all(
        isinstance(name, str) and name and isinstance(path, str | os.PathLike)
        for name, path in value.items()
    )


#: Options that are used before there is an engine, or around it.
_AROUND = frozenset(("backend", "offline", "keep_alive", "on_load"))
_FILES = frozenset(("model_path", "progress", "memory_budget", "verify"))

#: Options of each engine, by what the engine calls them.
_ENGINES: dict[str, dict[str, str]] = {
    "llama.cpp": {
        "context_length": "context_length",
        "n_slots": "n_slots",
        "max_queue": "max_queue",
        "threads": "n_threads",
        "n_gpu_layers": "n_gpu_layers",
        "kv_type": "kv_type",
        "flash_attention": "flash_attention",
        "cache_bytes": "cache_bytes",
        "adapters": "adapters",
        "draft_model": "draft_path",
        "speculation": "speculation",
    },
    "transformers": {
        "context_length": "context_length",
        "n_slots": "n_slots",
        "max_queue": "max_queue",
        "threads": "n_threads",
        "cache_bytes": "cache_bytes",
        "device": "device",
        "dtype": "dtype",
        "quantization": "quantization",
        "adapters": "adapters",
        "draft_model": "draft_path",
        "speculation": "speculation",
        "trust_remote_code": "trust_remote_code",
    },
    "ollama": {
        "context_length": "context_length",
        "n_slots": "n_slots",
        "max_queue": "max_queue",
        "host": "host",
        "pull": "pull",
        "server_timeout": "timeout_s",
        "progress": "progress",
        "keep_alive": "keep_alive",
    },
}


def engine_options(options: LoadOptions, backend: str) -> dict[str, Any]:
    """The options that are set, as the back end's engine calls them.

    :raises LLMConfigError: one is set that this back end cannot honour; names it.
    """
    own = _ENGINES[backend]
    chosen: dict[str, Any] = {}
    for option in fields(LoadOptions):
        value = getattr(options, option.name)
        if value is None or value == option.default:
            continue
        if option.name in own:
            chosen[own[option.name]] = value
        elif not _is_around(option.name, backend):
            raise LLMConfigError(_refusal(option.name, value, backend), code="unsupported_option")
    return chosen


def _is_around(name: str, backend: str) -> bool:
    """Whether an option is honoured without the engine. Ollama finds its models itself."""
    return name in _AROUND or (name in _FILES and backend != "ollama")


def _refusal(name: str, value: object, backend: str) -> str:
    others = [other for other, own in _ENGINES.items() if name in own or _is_around(name, other)]
    return (
        f"{name} is {value!r}, which the back end {backend!r} cannot honour; leave it out, or use "
        f"one that can: {', '.join(map(repr, others))}"
    )
