"""What the commands on models share: a name's model on this disk, without a download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from LLM.exceptions import ModelNotFoundError

if TYPE_CHECKING:
    from local_llm_kit.local_files import ModelFile
    from local_llm_kit.model_files import Sources


def sources(backend: str | None = None) -> Sources:
    """Where models are looked for, with downloads forbidden.

    :param backend: the one that is to run them; None for the one that is installed. Ollama finds
        its models itself.
    """
    from local_llm_kit import settings
    from local_llm_kit.loading import loadable_kinds
    from local_llm_kit.model_files import Sources

    asked = settings.backend(backend)
    return Sources(kinds=loadable_kinds(None if asked == "ollama" else asked), offline=True)


def find_here(name: str, backend: str | None = None) -> ModelFile:
    """A model of this disk.

    :raises ModelNotFoundError: it is not there; of one that the hub may have, says how to get it.
    """
    from local_llm_kit import settings
    from local_llm_kit.hub_files import parse_name
    from local_llm_kit.model_files import find_model

    try:
        return find_model(name, None, settings.default_model_path(), sources(backend))
    except ModelNotFoundError:
        if parse_name(name) is None:
            raise
    raise ModelNotFoundError(
        f"no model {name!r} on this disk; if the hub has it, get it with: local-llm-kit models pull"
        f" {name}",
        status_code=404,
        model=name,
        code="model_not_found",
    )
