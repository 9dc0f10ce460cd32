"""The chat template that comes with a checkpoint, from whichever of its files has it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from LLM.exceptions import InvalidRequestError
from local_llm_kit import strict_json

_MAX_BYTES = 4 << 20
#: Of several templates, the one that serves every conversation comes first.
_PREFERRED = ("default", "tool_use")


def find_chat_template(folder: Path) -> str | None:
    """Jinja source of the template; None when the folder has none.

    A file of its own wins over the tokenizer's settings, as in transformers.

    :raises InvalidRequestError: a file cannot be read.
    """
    source = folder / "chat_template.jinja"
    try:
        if source.is_file():
            with source.open("rb") as file:
                return file.read(_MAX_BYTES).decode()
        for name in ("tokenizer_config.json", "chat_template.json"):
            if (folder / name).is_file():
                found = strict_json.read(folder / name, _MAX_BYTES).get("chat_template")
                if found is not None:
                    return _chosen(found)
    except (OSError, ValueError) as err:
        raise InvalidRequestError(
            f"the chat template of {str(folder)!r} cannot be read ({err}); download it again",
            code="invalid_checkpoint",
        ) from err
    return None


def _chosen(found: Any) -> str:
    """The template, of a list of named ones too."""
    if isinstance(found, str):
        return found
    named = {
        entry.get("name"): entry.get("template")
        for entry in (found if isinstance(found, list) else ())
        if isinstance(entry, Mapping) and isinstance(entry.get("template"), str)
    }
    for name in _PREFERRED:
        if name in named:
            return str(named[name])
    raise ValueError(f"it is neither a text nor a list with one named {_PREFERRED[0]!r}")
