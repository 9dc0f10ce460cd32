"""From a model's name to a file on disk."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from LLM.exceptions import LLMConfigError, ModelNotFoundError

#: Models that come with the package, by the name they are asked for.
BUNDLED = {"tiny": Path(__file__).parent / "models" / "tiny" / "tiny.gguf"}

_SPLIT_PART = re.compile(r"-\d{5}-of-\d{5}$")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that was found.

    :param name: the name that answers carry.
    :param path: a GGUF file.
    """

    name: str
    path: Path


def find_model(
    model: str | os.PathLike[str],
    model_path: str | os.PathLike[str] | None = None,
    default_path: str | None = None,
) -> ModelFile:
    """Find a model's weights.

    :param model: ``tiny``, the path of a ``.gguf`` file, or with a path below any name.
    :param model_path: the weights: a ``.gguf`` file, or a folder in which to look for `model`.
    :param default_path: the same, for names that are found nowhere else.
    :raises ModelNotFoundError: says what was looked for, where, and what is near.
    :raises LLMConfigError: `model` is no text.
    """
    model = os.fspath(model) if isinstance(model, os.PathLike) else model
    if not isinstance(model, str):
        raise LLMConfigError(
            f"model is {model!r}; give a name such as 'tiny' or the path of a .gguf file"
        )
    if model_path is not None:
        return _find_at(model, Path(model_path).expanduser())
    if model in BUNDLED:
        return _existing(model, BUNDLED[model], f"the bundled model {model!r}")
    path = Path(model).expanduser()
    if path.suffix.lower() == ".gguf" or path.is_file():
        return _existing(_name_of(path), path, f"the model file {model!r}")
    if default_path is not None:
        return _find_at(model, Path(default_path).expanduser())
    raise _not_found(
        model,
        f"no model {model!r}: it is neither a bundled model nor the path of a .gguf file (this "
        "version downloads none)",
        list(BUNDLED) + _names_in(path.parent),
    )


def _find_at(model: str, path: Path) -> ModelFile:
    if not path.is_dir():
        name = model if model not in BUNDLED and not model.endswith(".gguf") else _name_of(path)
        return _existing(name, path, f"the model file {str(path)!r}")
    candidates = [path / model, path / f"{model}.gguf"]
    for candidate in candidates:
        if candidate.is_file():
            return ModelFile(_name_of(candidate), candidate)
    raise _not_found(
        model,
        f"no model {model!r} in {str(path)!r}: looked for "
        + " and ".join(repr(candidate.name) for candidate in candidates),
        _names_in(path),
    )


def _existing(name: str, path: Path, what: str) -> ModelFile:
    if path.is_file():
        return ModelFile(name, path)
    problem = "is a folder" if path.is_dir() else "does not exist"
    raise _not_found(path.stem, f"{what} {problem}", _names_in(path.parent))


def _name_of(path: Path) -> str:
    """A file's name without its ending and without the number of a split file's part."""
    return _SPLIT_PART.sub("", path.stem)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.glob("*.gguf"))
    except OSError:
        return []


def _not_found(model: str, message: str, known: list[str]) -> ModelNotFoundError:
    near = difflib.get_close_matches(Path(model).name, known, n=1, cutoff=0.5)
    if not near:
        near = [name for name in known if Path(name).stem.lower() == Path(model).stem.lower()][:1]
    if near:
        message += f"; did you mean {near[0]!r}?"
    elif known:
        message += f"; found there: {', '.join(known[:5])}"
    else:
        message += f"; the bundled model is {next(iter(BUNDLED))!r}"
    return ModelNotFoundError(message, status_code=404, model=model, code="model_not_found")
