"""Loading: from a model's name and a few settings to a model that answers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from LLM.exceptions import LLMConfigError
from local_llm_kit import gguf, settings
from local_llm_kit.arguments import Defaults
from local_llm_kit.model_files import find_model

if TYPE_CHECKING:
    from local_llm_kit.local_model import LocalModel


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load a model; None leaves a choice to the environment or to the engine.

    :param model_path: the weights, where the model's name does not say.
    :param backend: ``llama.cpp``.
    :param context_length: window in tokens, prompt and output together.
    :param n_slots: calls that run at once.
    :param max_queue: calls that may wait beyond those.
    :param threads: threads of the computation.
    """

    model_path: str | os.PathLike[str] | None = None
    backend: str | None = None
    context_length: int | None = None
    n_slots: int = 8
    max_queue: int = 256
    threads: int | None = None


def load_model(model: str, options: LoadOptions, defaults: Defaults | None = None) -> LocalModel:
    """Find, check and load a model.

    :raises ModelNotFoundError: there is no such model.
    :raises LLMConfigError: an option or a variable cannot work, or a package is missing.
    :raises InvalidRequestError: the file is damaged, or its chat template cannot be used.
    """
    settings.backend(options.backend)
    window = settings.context_length(options.context_length)
    found = find_model(model, options.model_path, settings.default_model_path())
    gguf.check(found.path)
    # Here and not above: a client can be imported, and say what is missing, without the extra.
    try:
        from local_llm_kit.engines.llama_cpp import LlamaCppEngine, LlamaCppOptions
        from local_llm_kit.local_model import LocalModel
    except ImportError as err:
        raise LLMConfigError(
            f"the llama.cpp back end needs the package {err.name!r}, which cannot be imported; "
            "in llm-kit's folder run: pip install '.[llama]'",
            code="missing_package",
        ) from err

    engine = LlamaCppEngine(
        str(found.path),
        found.name,
        LlamaCppOptions(
            context_length=window,
            n_slots=options.n_slots,
            max_queue=options.max_queue,
            n_threads=options.threads,
        ),
    )
    try:
        return LocalModel(engine, defaults)
    except BaseException:
        engine.close()
        raise
