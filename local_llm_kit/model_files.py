"""From a model's name to its weights on this disk."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from LLM.exceptions import LLMConfigError, ModelNotFoundError
from local_llm_kit import gguf, hub, hub_cache, hub_files, ollama_store
from local_llm_kit.checkpoint import is_checkpoint
from local_llm_kit.hub_files import HubName, Kind

#: Models that come with the package, by the name they are asked for. The same weights lie beside
#: each file as a folder of safetensors.
BUNDLED = {"tiny": Path(__file__).parent / "models" / "tiny" / "tiny.gguf"}

OLLAMA_PREFIX = "ollama:"
_SPLIT_PART = re.compile(r"-\d{5}-of-\d{5}$")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that was found.

    :param name: the name that answers carry.
    :param path: a GGUF file, the first one when there are several, or a folder of safetensors.
    :param kind: ``gguf`` or ``safetensors``.
    :param source: where it was found.
    :param revision: commit of the hub's repository.
    :param sha256: what the GGUF file hashes to, where its source tells.
    """

    name: str
    path: Path
    kind: Kind
    source: Literal["bundled", "path", "hub", "ollama"] = "path"
    revision: str | None = None
    sha256: str | None = None


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
    """Names under which `find_model` finds models without a download."""
    sources = sources or Sources()
    files = _names_in(_expanded(default_path)) if default_path else []
    return [
        *BUNDLED,
        *dict.fromkeys(_name_of(Path(file)) for file in files),
        *hub_cache.present(sources.cache_dir),
        *ollama_store.present(sources.ollama_dir),
    ]


def _find(
    name: str | None,
    model_path: str | os.PathLike[str] | None,
    default_path: str | None,
    sources: Sources,
) -> ModelFile:
    if model_path is not None:
        return _find_at(name, _expanded(model_path), sources)
    if name is None:
        if default_path is not None:
            return _find_at(None, _expanded(default_path), sources)
        name = next(iter(BUNDLED))
    found = _find_named(name, sources)
    if found is None and default_path is not None:
        return _find_at(name, _expanded(default_path), sources)
    return found or _refuse(name, sources)


def _find_named(name: str, sources: Sources) -> ModelFile | None:
    """A model whose name alone says where it is."""
    if name.startswith(OLLAMA_PREFIX):
        return _find_stored(name.removeprefix(OLLAMA_PREFIX), sources, is_named=True)
    if name in BUNDLED:
        return _bundled(name, sources)
    path = os.path.expanduser(name)
    if _says_path(name) or os.path.exists(path):
        return _at_path(Path(path), None, sources)
    if found := _find_stored(name, sources):
        return found
    hub_name = hub_files.parse_name(name)
    return _from_hub(name, hub_name, sources) if hub_name else None


def _text(model: object) -> str:
    name = os.fspath(model) if isinstance(model, os.PathLike) else model
    if not isinstance(name, str) or not name or "\0" in name:
        raise LLMConfigError(
            f"model is {name!r}; give a name such as 'tiny' or the path of a .gguf file"
        )
    return name


def _expanded(path: str | os.PathLike[str]) -> Path:
    return Path(os.path.expanduser(path))


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


def _find_at(model: str | None, path: Path, sources: Sources) -> ModelFile:
    """The weights at a path, or in it under a name. Weights at a path may bear any name."""
    if not path.is_dir():
        is_own = model is None or model in BUNDLED or model.endswith(".gguf")
        return _at_path(path, None if is_own else model, sources)
    if model is not None:
        for candidate in (path / model, path / f"{model}.gguf", *_first_parts(path, model)):
            if found := _loadable(candidate, None, sources.kinds):
                return found
    if (model is None or is_checkpoint(path)) and (found := _loadable(path, model, sources.kinds)):
        return found
    raise _not_found(
        model or path.name,
        f"no model {model!r} in {str(path)!r}: looked for {model!r}, '{model}.gguf' and a folder "
        "with config.json"
        if model is not None
        else f"{str(path)!r} holds no single model; give one of it by name",
        _names_in(path),
    )


def _first_parts(folder: Path, name: str) -> list[Path]:
    is_first = re.compile(re.escape(name) + r"-00001-of-\d{5}\.gguf", re.IGNORECASE)
    return [path for path in folder.iterdir() if is_first.fullmatch(path.name)]


def _at_path(path: Path, name: str | None, sources: Sources) -> ModelFile:
    """The model at exactly this path.

    :param name: None names it after its file or folder.
    """
    if path.is_dir():
        return _find_at(name, path, sources)
    if found := _loadable(path, name, sources.kinds):
        return found
    if path.is_file():
        raise LLMConfigError(
            f"{str(path)!r} is no GGUF file; give a .gguf file, or for safetensors the folder with "
            "its config.json",
            model=str(path),
        )
    raise _not_found(
        path.stem, f"the model file {str(path)!r} does not exist", _names_in(path.parent)
    )


def _loadable(path: Path, name: str | None, kinds: Sequence[Kind]) -> ModelFile | None:
    """The model that a path is: a GGUF file with all its parts, or a folder with one model.

    :param kinds: decide where a folder holds both; its only model is told whatever its kind.
    """
    if os.path.isfile(path):
        return _gguf_model(path, name) if _is_gguf(path) else None
    if not os.path.isdir(path):
        return None
    files = [file for file in path.glob("*.gguf") if gguf.part_paths(file)[0] == file]
    for kind in (*kinds, "gguf", "safetensors"):
        if kind == "gguf" and len(files) == 1:
            return _gguf_model(files[0], name)
        if kind == "safetensors" and is_checkpoint(path):
            return ModelFile(name or path.resolve().name, path, "safetensors")
    return None


def _gguf_model(path: Path, name: str | None) -> ModelFile:
    parts = gguf.part_paths(path)
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise _not_found(
            path.stem,
            f"{len(missing)} of the {len(parts)} files of {_name_of(path)!r} are missing in "
            f"{str(path.parent)!r}: {', '.join(map(repr, missing[:5]))}",
            [],
        )
    return ModelFile(name or _name_of(path), parts[0], "gguf")


def _is_gguf(path: Path) -> bool:
    """By its ending, or by how it begins: Ollama's files have no ending."""
    if path.suffix.lower() == ".gguf":
        return True
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False


def _name_of(path: Path) -> str:
    """A file's name without its ending and without the number of a split file's part."""
    name = path.name[: -len(".gguf")] if path.name.lower().endswith(".gguf") else path.name
    return _SPLIT_PART.sub("", name)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(
            path.name
            for path in folder.iterdir()
            if path.suffix == ".gguf" or (path.is_dir() and is_checkpoint(path))
        )
    except OSError:
        return []


def _refuse(name: str, sources: Sources) -> ModelFile:
    raise _not_found(
        name,
        f"no model {name!r}: it is neither a bundled model, nor a path, nor a name in Ollama's "
        f"store {str(sources.ollama_dir)!r}, nor a repository of the Hugging Face hub (owner/name)",
        [*BUNDLED, *ollama_store.present(sources.ollama_dir), *_names_in(Path(name).parent)],
    )


def _not_found(model: str, message: str, known: list[str]) -> ModelNotFoundError:
    spellings = {spelling.lower(): name for name in known for spelling in (name, Path(name).stem)}
    near = difflib.get_close_matches(Path(model).name.lower(), spellings, n=1, cutoff=0.5)
    if near:
        message += f"; did you mean {spellings[near[0]]!r}?"
    elif known:
        message += f"; found there: {', '.join(known[:5])}"
    else:
        message += f"; the bundled model is {next(iter(BUNDLED))!r}"
    return ModelNotFoundError(message, status_code=404, model=model, code="model_not_found")
