"""A check of a folder in the shape of a Hugging Face model before a library reads it.

Weights are safetensors alone: the older formats are pickles, which run code as they are read. Code
that comes with a model runs only when the caller's own code says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from LLM.exceptions import InvalidRequestError
from local_llm_kit import safetensors_file, strict_json
from local_llm_kit.safetensors_file import Tensor

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
#: Endings of weights that are pickles or that no back end here reads.
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt", ".pickle")

_MAX_CONFIG_BYTES = 4 << 20
_MAX_INDEX_BYTES = 32 << 20
#: Files that name code, or kernels to fetch.
_CONFIGS = (
    "config.json", "tokenizer_config.json", "generation_config.json", "processor_config.json",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder that passed.

    :param config: what ``config.json`` holds.
    :param files: its weights, sorted.
    :param tensors: of all files, by name.
    """

    folder: Path
    config: Mapping[str, Any]
    files: tuple[Path, ...]
    tensors: Mapping[str, Tensor]

    @property
    def size_bytes(self) -> int:
        """Bytes of the weights, as the files hold them."""
        return sum(tensor.size_bytes for tensor in self.tensors.values())


def check_folder(folder: str | os.PathLike[str], *, trust_remote_code: bool = False) -> Checkpoint:
    """Check a folder's settings and the headers of its weights.

    :param trust_remote_code: let the folder name code of its own.
    :raises InvalidRequestError: something is missing, damaged, or would run code.
    """
    folder = Path(folder)
    config = _config(folder, trust_remote_code)
    files = _weight_files(folder)
    tensors: dict[str, Tensor] = {}
    for name, expected in files.items():
        found = safetensors_file.check(folder / name).tensors
        if missing := expected - found.keys():
            _fail(folder, f"{name} lacks the tensor {min(missing)[:64]!r}, which {INDEX} names")
        if twice := found.keys() & tensors.keys():
            _fail(folder, f"the tensor {min(twice)[:64]!r} is in two files")
        tensors.update(found)
    if not tensors:
        _fail(folder, "its weights hold no tensor")
    return Checkpoint(folder, config, tuple(folder / name for name in sorted(files)), tensors)


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder looks like one: settings, and weights of whatever kind beside them."""
    return (folder / "config.json").is_file() and any(
        path.suffix == ".safetensors" or path.name == INDEX or path.suffix in PICKLES
        for path in folder.iterdir()
    )


def _fail(folder: Path, what: str, todo: str = "download it again") -> NoReturn:
    raise InvalidRequestError(
        f"{str(folder)!r} is not a model that can be loaded: {what}; {todo}",
        code="invalid_checkpoint",
    )


def _config(folder: Path, trust_remote_code: bool) -> dict[str, Any]:
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            _fail(folder, "it is a LoRA adapter", "give it as adapters={name: path} with its model")
        _fail(folder, "it has no config.json")
    config = _read(folder, "config.json", _MAX_CONFIG_BYTES)
    if not isinstance(config.get("model_type"), str):
        _fail(folder, "its config.json names no model_type")
    for name in _CONFIGS:
        if (folder / name).is_file():
            _check_code(folder, name, _read(folder, name, _MAX_CONFIG_BYTES), trust_remote_code)
    return config


def _read(folder: Path, name: str, limit_bytes: int) -> dict[str, Any]:
    try:
        return strict_json.read(folder / name, limit_bytes)
    except ValueError as err:
        _fail(folder, f"its {name} cannot be read ({err})")
    except OSError as err:
        _fail(folder, f"its {name} cannot be opened ({err.strerror or err})")


def _check_code(folder: Path, name: str, config: dict[str, Any], trusted: bool) -> None:
    for key, value in _settings(config):
        if key in ("auto_map", "trust_remote_code") and value and not trusted:
            _fail(
                folder,
                f"its {name} asks to run code of its own ({key!r})",
                "read that code, and pass trust_remote_code=True if you would run it",
            )
        # transformers fetches kernels, which are code, from repositories that these name.
        if key.removesuffix("_internal").endswith("_implementation") and not _is_plain(value):
            _fail(folder, f"its {name} names foreign code in {key!r}", "remove that entry")


def _settings(value: object) -> Iterator[tuple[str, Any]]:
    """Every name and value, at whatever depth."""
    found = [value]  # a stack of our own: what JSON may nest would exhaust Python's
    while found:
        value = found.pop()
        if isinstance(value, dict):
            yield from value.items()
            found.extend(value.values())
        elif isinstance(value, list):
            found.extend(value)


def _is_plain(value: object) -> bool:
    """Whether a setting names one of the library's own ways, at most one for each part."""
    values = value.values() if isinstance(value, dict) else (value,)
    return all(
        item is None or (isinstance(item, str) and re.fullmatch(r"\w*", item)) for item in values
    )


def _weight_files(folder: Path) -> dict[str, set[str]]:
    """Names of the files with weights, each with the tensors that it must hold."""
    if (folder / INDEX).is_file():
        return _indexed_files(folder)
    if (folder / SINGLE).is_file():
        return {SINGLE: set()}
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        _fail(
            folder,
            f"its weights are in {pickles[0]!r}, a format that can run code when it is read",
            "take a version with safetensors, or convert it with a tool that you trust",
        )
    _fail(folder, f"it has neither {SINGLE} nor {INDEX}")


def _indexed_files(folder: Path) -> dict[str, set[str]]:
    places = _read(folder, INDEX, _MAX_INDEX_BYTES).get("weight_map")
    if not isinstance(places, dict) or not places:
        _fail(folder, f"its {INDEX} has no weight_map")
    files: dict[str, set[str]] = {}
    for tensor, name in places.items():
        # A plain name: neither a folder nor a drive leads out of this one.
        if not isinstance(name, str) or not re.fullmatch(r"[\w-][\w.-]*\.safetensors", name):
            _fail(folder, f"its {INDEX} names the file {str(name)[:64]!r}")
        files.setdefault(name, set()).add(tensor)
    missing = [name for name in sorted(files) if not (folder / name).is_file()]
    if missing:
        _fail(folder, f"{len(missing)} of its {len(files)} files are missing, {missing[0]!r} first")
    return files
