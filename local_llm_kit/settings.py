"""Settings of a client, from its arguments and from the environment.

An argument wins over its variable. Nothing is read at import.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from LLM.exceptions import LLMConfigError

MODEL_PATH_VARIABLE = "LOCAL_LLM_KIT_MODEL_PATH"
BACKEND_VARIABLE = "LOCAL_LLM_KIT_BACKEND"
CONTEXT_LENGTH_VARIABLE = "LOCAL_LLM_KIT_CONTEXT_LENGTH"
API_KEY_VARIABLE = "LOCAL_LLM_KIT_API_KEY"

OFFLINE_VARIABLE = "HF_HUB_OFFLINE"

#: Back ends by the names that users give them.
BACKENDS = {
    "llama.cpp": "llama.cpp",
    "llama_cpp": "llama.cpp",
    "llamacpp": "llama.cpp",
    "llama-cpp": "llama.cpp",
    "gguf": "llama.cpp",
    "transformers": "transformers",
    "torch": "transformers",
    "hf": "transformers",
    "ollama": "ollama",
}


def default_model_path(environ: Mapping[str, str] = os.environ) -> str | None:
    """Where to look for a model whose name says no more; None when it is not set."""
    return environ.get(MODEL_PATH_VARIABLE) or None


def backend(argument: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """The back end that is asked for: ``llama.cpp``, ``transformers``, ``ollama``; None if none is.

    :raises LLMConfigError: there is no such back end.
    """
    source, name = _chosen("backend", argument, BACKEND_VARIABLE, environ)
    if name is None:
        return None
    known = BACKENDS.get(name.strip().lower()) if isinstance(name, str) else None
    if known is None:
        names = ", ".join(map(repr, dict.fromkeys(BACKENDS.values())))
        raise LLMConfigError(f"{source} is {name!r}; the back ends are {names}")
    return known


def offline(argument: bool | None, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether nothing may be downloaded.

    :raises LLMConfigError: the argument is no truth value.
    """
    if argument is None:
        return environ.get(OFFLINE_VARIABLE, "").strip().lower() in ("1", "true", "yes", "on")
    if not isinstance(argument, bool):
        raise LLMConfigError(f"offline is {argument!r}; give True or False")
    return argument


def context_length(argument: int | None, environ: Mapping[str, str] = os.environ) -> int | None:
    """Window in tokens; None leaves it to the model.

    :raises LLMConfigError: the variable is not a whole number.
    """
    source, value = _chosen("context_length", argument, CONTEXT_LENGTH_VARIABLE, environ)
    if value is None or isinstance(value, int):
        return value
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise LLMConfigError(f"{source} is {value!r}; give a whole number of tokens, such as 2048")
    return int(text)


def _chosen(
    name: str, argument: object, variable: str, environ: Mapping[str, str]
) -> tuple[str, object]:
    if argument is not None:
        return name, argument
    return f"the environment variable {variable}", environ.get(variable) or None
