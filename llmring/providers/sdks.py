"""The official SDKs: loaded when somebody asks for one, and named when they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from LLM.extras import how_to_add
from llmring.exceptions import ConfigurationError


def sdk(module: str, extra: str | None = None) -> ModuleType:
    """A provider's SDK.

    :param module: what is imported, such as ``google.genai``.
    :param extra: the extra of llm-kit that brings it; None for one of the module's name.
    :raises ConfigurationError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as err:
        if not module.startswith(err.name or " "):
            raise
        raise ConfigurationError(
            f"the SDK {module} is not installed; {how_to_add(extra or module)}",
            original=err,
        ) from err
