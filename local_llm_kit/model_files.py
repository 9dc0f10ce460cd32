"""From a model's name to its weights on this disk."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from LLM.exceptions import LLMConfigError
from local_llm_kit import hub, hub_cache, hub_files, ollama_store
from local_llm_kit.hub_files import HubName, Kind
from local_llm_kit.local_files import (
    BUNDLED,
    ModelFile,
    at_path,
    find_at,
    name_of,
    names_in,
    not_found,
)
from local_llm_kit.settings import MODEL_PATH_VARIABLE

__all__ = ["BUNDLED", "OLLAMA_PREFIX", "ModelFile", "Sources", "find_model", "present_models"]

OLLAMA_PREFIX = "ollama:"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where models are looked for, and what can be loaded.

    :param kinds: the best first; it decides where a model is there in both.
    :param cache_dir: downloads from the hub; see `hub_cache.cache_dir`.
    :param ollama_dir: Ollama's store; see `ollama_store.folder`.
    :param offline: download nothing.
    :param progress: show a bar on stderr while downloading; None does on a terminal.
    """

    kinds: tuple[Kind, ...] = ("gguf", "safetensors")
    cache_dir: Path = field(default_factory=hub_cache.cache_dir)
    ollama_dir: Path = field(default_factory=ollama_store.folder)
    offline: bool = False
    progress: bool | None = None


def find_model(
    model: str | os.PathLike[str] | None,
    model_path: str | os.PathLike[str] | None = None,
    default_path: str | None = None,
    sources: Sources | None = None,
) -> ModelFile:
    """Find a model's weights, downloading them where its name says so.

    :param model: ``tiny``; a path; a repository of the Hugging Face hub, ``owner/name`` with a
        quantisation or a file pattern behind a colon; ``ollama:name:tag``, or ``name:tag`` of
        Ollama's store; with a path below, any name. None takes what the path below holds, or
        ``tiny``.
    :param model_path: the weights: a ``.gguf`` file, a folder of safetensors, or a folder in which
        to look for `model`.
    :param default_path: the same, for names that are found nowhere else.
    :raises ModelNotFoundError: says what was looked for, where, and what is near.
    :raises LLMConfigError: `model` is no text.
    :raises LLMError: a download failed; see `hub.download`.
    """
    name = None if model is None else _text(model)
    try:
        return _find(name, model_path, default_path, sources or Sources())
    except OSError as err:  # a folder that may not be read, a name that no disk takes
        raise LLMConfigError(
            f"cannot look for the model {name or 'without a name'!r} at {err.filename!r}: "
            f"{err.strerror or err}"
        ) from err


def present_models(sources: Sources | None = None, default_path: str | None = None) -> list[str]:
    """Names under which `find_model` finds models without a download.

    :raises LLMConfigError: a folder in which to look cannot be read.
    """
    sources = sources or Sources()
    files = names_in(expanded(default_path)) if default_path else []
    try:
        return [
            *BUNDLED,
            *dict.fromkeys(name_of(Path(file)) for file in files),
            *hub_cache.present(sources.cache_dir),
            *ollama_store.present(sources.ollama_dir),
        ]
    except OSError as err:
        raise LLMConfigError(
            f"cannot look for models at {err.filename!r}: {err.strerror or err}; see "
            f"{hub_cache.CACHE_DIR_VARIABLE} and {ollama_store.MODELS_VARIABLE}"
        ) from err


def _find(
    name: str | None,
    model_path: str | os.PathLike[str] | None,
    default_path: str | None,
    sources: Sources,
) -> ModelFile:
    if model_path is not None:
        return find_at(name, expanded(model_path), sources.kinds)
    if name is None:
        if default_path is not None:
            return _at_default(None, default_path, sources)
        name = next(iter(BUNDLED))
    found = _find_named(name, sources)
    if found is None and default_path is not None:
        return _at_default(name, default_path, sources)
    return found or _refuse(name, sources)


def _at_default(name: str | None, default_path: str, sources: Sources) -> ModelFile:
    path = expanded(default_path)
    if not path.exists():
        what = "no model is named" if name is None else f"no model {name!r}"
        message = f"{what}, and {MODEL_PATH_VARIABLE} is {default_path!r}, which does not exist"
        raise not_found(name or path.stem, message, names_in(path.parent))
    return find_at(name, path, sources.kinds)


def _find_named(name: str, sources: Sources) -> ModelFile | None:
    """A model whose name alone says where it is."""
    if name.startswith(OLLAMA_PREFIX):
        return _find_stored(name.removeprefix(OLLAMA_PREFIX), sources, is_named=True)
    if name in BUNDLED:
        return _bundled(name, sources)
    if is_path(name):
        return at_path(expanded(name), None, sources.kinds)
    if found := _find_stored(name, sources):
        return found
    hub_name = hub_files.parse_name(name)
    return _from_hub(name, hub_name, sources) if hub_name else None


def _text(model: object) -> str:
    name = os.fspath(model) if isinstance(model, os.PathLike) else model
    if not isinstance(name, str) or not name or not _is_writable(name):
        raise LLMConfigError(
            f"model is {name!r}; give a name such as 'tiny' or the path of a .gguf file"
        )
    return name


def _is_writable(name: str) -> bool:
    """Whether a file could bear such a name at all."""
    try:
        return b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path whose ``~`` is the user's home."""
    return Path(os.path.expanduser(path))


def is_path(name: str) -> bool:
    """Whether a name is a path, which goes before all meanings but those of bundled models."""
    return _says_path(name) or os.path.exists(os.path.expanduser(name))


def _says_path(name: str) -> bool:
    """Whether a name is a path and nothing else; `owner/name:file.gguf` is the hub's."""
    if re.match(r"hf:|hf\.co/|huggingface\.co/|https?://", name, re.IGNORECASE):
        return False
    is_file = name.lower().endswith(".gguf") and (":" not in name or os.path.isabs(name))
    return is_file or name.startswith(("/", "./", "../", "~"))


def _bundled(name: str, sources: Sources) -> ModelFile:
    path = BUNDLED[name]
    if sources.kinds[0] == "safetensors":
        return ModelFile(name, path.parent, "safetensors", "bundled")
    return ModelFile(name, path, "gguf", "bundled")


def _find_stored(name: str, sources: Sources, is_named: bool = False) -> ModelFile | None:
    look_up = ollama_store.require if is_named else ollama_store.find
    stored = look_up(name, sources.ollama_dir)
    if stored is None:
        return None
    weights = stored.weights
    return ModelFile(name, weights.path, "gguf", "ollama", sha256=weights.sha256)


def _from_hub(name: str, wanted: HubName, sources: Sources) -> ModelFile:
    found = hub_cache.find(wanted, sources.kinds, sources.cache_dir)
    if found is None:
        found = hub.download(
            wanted,
            sources.kinds,
            sources.cache_dir,
            offline=sources.offline,
            progress=sources.progress,
        )
    return ModelFile(name, found.path, found.kind, "hub", found.commit, found.sha256)


def _refuse(name: str, sources: Sources) -> ModelFile:
    raise not_found(
        name,
        f"no model {name!r}: it is neither a bundled model, nor a path, nor a name in Ollama's "
        f"store {str(sources.ollama_dir)!r}, nor a repository of the Hugging Face hub (owner/name)",
        [*BUNDLED, *ollama_store.present(sources.ollama_dir), *names_in(Path(name).parent)],
    )
