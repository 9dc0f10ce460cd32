"""Models at a path of this disk: GGUF files, whole or in parts, and folders of safetensors."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from LLM.exceptions import LLMConfigError, ModelNotFoundError
from local_llm_kit import gguf
from local_llm_kit.checkpoint import is_checkpoint
from local_llm_kit.hub_files import Kind

#: Models that come with the package, by the name they are asked for. The same weights lie beside
#: each file as a folder of safetensors.
BUNDLED = {"tiny": Path(__file__).parent / "models" / "tiny" / "tiny.gguf"}

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


def find_at(model: str | None, path: Path, kinds: Sequence[Kind]) -> ModelFile:
    """The weights at a path, or in it under a name. Weights at a path may bear any name.

    :param model: None takes the only model of a folder.
    :param kinds: what can be loaded, the best first.
    :raises ModelNotFoundError: says what was looked for, and what is near.
    """
    if not path.is_dir():
        is_own = model is None or model in BUNDLED or model.endswith(".gguf")
        return at_path(path, None if is_own else model, kinds)
    if model is not None:
        for candidate in (path / model, path / f"{model}.gguf", *_first_parts(path, model)):
            if found := _loadable(candidate, None, kinds):
                return found
    if (model is None or is_checkpoint(path)) and (found := _loadable(path, model, kinds)):
        return found
    names = names_in(path)
    holds = "several models; give one by its name" if len(names) > 1 else "no model to be loaded"
    raise not_found(
        model or path.name,
        f"no model {model!r} in {str(path)!r}: looked for {model!r}, '{model}.gguf' and a folder "
        "with config.json"
        if model is not None
        else f"{str(path)!r} holds {holds}",
        names,
    )


def _first_parts(folder: Path, name: str) -> list[Path]:
    is_first = re.compile(re.escape(name) + r"-00001-of-\d{5}\.gguf", re.IGNORECASE)
    return [path for path in folder.iterdir() if is_first.fullmatch(path.name)]


def at_path(path: Path, name: str | None, kinds: Sequence[Kind]) -> ModelFile:
    """The model at exactly this path.

    :param name: None names it after its file or folder.
    :param kinds: what can be loaded, the best first.
    :raises ModelNotFoundError: nothing is there, or not all of its parts.
    :raises LLMConfigError: the file is no model.
    """
    if path.is_dir():
        return find_at(name, path, kinds)
    if found := _loadable(path, name, kinds):
        return found
    if path.is_file():
        raise LLMConfigError(
            f"{str(path)!r} is no GGUF file; give a .gguf file, or for safetensors the folder with "
            "its config.json",
            model=str(path),
        )
    raise not_found(
        path.stem, f"the model file {str(path)!r} does not exist", names_in(path.parent)
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
        raise not_found(
            path.stem,
            f"{len(missing)} of the {len(parts)} files of {name_of(path)!r} are missing in "
            f"{str(path.parent)!r}: {', '.join(map(repr, missing[:5]))}",
            [],
        )
    return ModelFile(name or name_of(path), parts[0], "gguf")


def _is_gguf(path: Path) -> bool:
    """By its ending, or by how it begins: Ollama's files have no ending."""
    if path.suffix.lower() == ".gguf":
        return True
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False


def name_of(path: Path) -> str:
    """A file's name without its ending and without the number of a split file's part."""
    name = path.name[: -len(".gguf")] if path.name.lower().endswith(".gguf") else path.name
    return _SPLIT_PART.sub("", name)


def names_in(folder: Path) -> list[str]:
    """File and folder names of the models that lie in a folder; none if it cannot be read."""
    try:
        return sorted(
            path.name
            for path in folder.iterdir()
            if path.suffix == ".gguf" or (path.is_dir() and is_checkpoint(path))
        )
    except OSError:
        return []


def not_found(model: str, message: str, known: list[str]) -> ModelNotFoundError:
    """The error of a name that leads nowhere.

    :param message: what was looked for, and where.
    :param known: names that would have led somewhere; the nearest is told.
    """
    spellings = {spelling.lower(): name for name in known for spelling in (name, Path(name).stem)}
    near = difflib.get_close_matches(Path(model).name.lower(), spellings, n=1, cutoff=0.5)
    if near:
        message += f"; did you mean {spellings[near[0]]!r}?"
    elif known:
        message += f"; found there: {', '.join(known[:5])}"
    else:
        message += f"; the bundled model is {next(iter(BUNDLED))!r}"
    return ModelNotFoundError(message, status_code=404, model=model, code="model_not_found")
