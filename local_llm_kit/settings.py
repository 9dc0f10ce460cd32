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

#: Back ends by the names that users give them.
_BACKENDS = {
    "llama.cpp": "llama.cpp",
    "llama_cpp": "llama.cpp",
    "llamacpp": "llama.cpp",
    "transformers": "transformers",
    "ollama": "ollama",
}


def default_model_path(environ: Mapping[str, str] = os.environ) -> str | None:
    """Where to look for a model whose name says no more; None when it is not set."""
    return environ.get(MODEL_PATH_VARIABLE) or None


def backend(argument: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """The back end to use; ``llama.cpp`` unless something else is asked for.

    :raises LLMConfigError: there is no such back end, or not in this version.
    """
    source, name = _chosen("backend", argument, BACKEND_VARIABLE, environ)
    if name is None:
        return "llama.cpp"
    known = _BACKENDS.get(str(name).strip().lower())
    if known is None:
        raise LLMConfigError(f"{source} is {name!r}; this version has the back end 'llama.cpp'")
    if known != "llama.cpp":
        raise LLMConfigError(
            f"{source} is {name!r}, which is not available yet in this version; use 'llama.cpp'",
            code="backend_not_available",
        )
    return known


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
