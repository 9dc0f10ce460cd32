"""Names of models, completed by the shell."""

from __future__ import annotations

import click

from LLM.exceptions import LLMError


def complete_model(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names of the models on this machine that begin so; none where they cannot be told."""
    from local_llm_kit import settings
    from local_llm_kit.model_files import present_models

    try:
        names = present_models(default_path=settings.default_model_path())
    except LLMError:  # a shell that waits for completions has no place for errors
        return []
    # Those of Ollama's store bear its prefix too, where that is how they are asked for.
    names += [f"ollama:{name}" for name in names if ":" in name and "/" not in name]
    return [name for name in names if name.startswith(incomplete)]
