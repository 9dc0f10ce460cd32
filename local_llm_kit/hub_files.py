"""Names of models on the Hugging Face hub, and the choice among a repository's files."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from LLM.exceptions import LLMConfigError, ModelNotFoundError
from local_llm_kit import gguf

Kind = Literal["gguf", "safetensors"]

#: The quantisation taken when a name asks for none: a fair bargain of size and quality.
DEFAULT_QUANTISATION = "Q4_K_M"

_HOSTS = re.compile(r"(?:hf:|(?:https?://)?(?:hf\.co|huggingface\.co)/)", re.IGNORECASE)
_WORD = r"[A-Za-z0-9][\w.-]{0,95}"
_NAME = re.compile(rf"({_WORD}/{_WORD})(?:@([\w][\w./-]{{0,127}}))?(?::([^:\0]{{1,255}}))?")
#: What a model of safetensors needs beside its weights; nothing that is code or a pickle.
_SETTINGS = re.compile(
    r"[^/]+\.(json|jinja)|(vocab|merges|tokenizer)\.txt|[^/]+\.(model|tiktoken)|1_Pooling/config\.json"
)
_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
_MOST_LISTED = 12


@dataclass(frozen=True, slots=True)
class HubName:
    """A model on the hub.

    :param repository: ``owner/name``.
    :param revision: branch, tag or commit.
    :param pattern: which GGUF file: a quantisation such as ``Q4_K_M``, a file's name, or a
        pattern with ``*``; None leaves the choice.
    """

    repository: str
    revision: str = "main"
    pattern: str | None = None

    def __str__(self) -> str:
        revision = "" if self.revision == "main" else f"@{self.revision}"
        return self.repository + revision + (f":{self.pattern}" if self.pattern else "")


@dataclass(frozen=True, slots=True)
class Choice:
    """Files of a repository that make one model.

    :param files: paths within it; the first is the one to load, for GGUF.
    """

    kind: Kind
    files: tuple[str, ...]


def parse_name(text: str) -> HubName | None:
    """Read ``owner/name``, ``owner/name:pattern``, ``owner/name@revision:pattern``.

    ``hf.co/``, ``https://huggingface.co/`` and ``hf:`` may stand before it.

    :return: None when it is no such name.
    :raises LLMConfigError: the revision is none.
    """
    match = _NAME.fullmatch(_HOSTS.sub("", text, count=1))
    # The hub has no such names, and in the cache "a--b/c" and "a/b--c" would share a folder.
    if not match or "--" in match[1] or ".." in match[1]:
        return None
    if match[2] and ".." in match[2]:
        raise LLMConfigError(f"{match[2]!r} is no revision; give a branch, a tag or a commit")
    pattern = None if match[3] == "latest" else match[3]
    return HubName(match[1], match[2] or "main", pattern)


def choose(name: HubName, files: Sequence[str], kinds: Sequence[Kind]) -> Choice:
    """Choose the files of a model.

    :param files: all paths of the repository.
    :param kinds: what can be loaded, the best first.
    :raises ModelNotFoundError: nothing fits, or several things do; lists them.
    """
    for kind in kinds:
        if kind == "gguf" and (models := gguf_models(files)):
            return Choice("gguf", _chosen(name, models))
        if kind == "safetensors" and name.pattern is None and (found := _safetensors(files)):
            return Choice("safetensors", found)
    raise not_found(name, _nothing_for(name, files, kinds))


def not_found(name: HubName, what: str) -> ModelNotFoundError:
    """The error of a repository in which something is missing."""
    return ModelNotFoundError(
        f"no model {str(name)!r}: {what}",
        status_code=404,
        model=str(name),
        code="model_not_found",
    )


def _nothing_for(name: HubName, files: Sequence[str], kinds: Sequence[Kind]) -> str:
    wanted = " or ".join("GGUF files" if kind == "gguf" else "safetensors" for kind in kinds)
    if name.pattern is not None and _safetensors(files):
        return f"a file is chosen by {name.pattern!r}, and it has no GGUF files; leave that out"
    if gguf_models(files) or _safetensors(files):
        return f"its files are of another kind than the back end reads ({wanted})"
    return f"it has no {wanted}; it has {_listed(files)}"


def gguf_models(files: Iterable[str]) -> list[tuple[str, ...]]:
    """Each GGUF model that is complete: its file, or all of its parts in order."""
    present = set(files)
    models = {
        tuple(str(PurePosixPath(part)) for part in gguf.part_paths(Path(file)))
        for file in present
        if file.lower().endswith(".gguf") and not _is_side_file(file)
    }
    return sorted(parts for parts in models if present.issuperset(parts))


def _is_side_file(file: str) -> bool:
    """Whether a GGUF file is the picture part of a model, or statistics about it."""
    return re.match(r"(mmproj|imatrix)", PurePosixPath(file).name, re.IGNORECASE) is not None


def _chosen(name: HubName, models: list[tuple[str, ...]]) -> tuple[str, ...]:
    pattern = name.pattern
    if pattern is None:
        if len(models) == 1:
            return models[0]
        pattern = DEFAULT_QUANTISATION
    found = [parts for parts in models if matches(parts[0], pattern)]
    if len(found) == 1:
        return found[0]
    what = f"several of its files match {pattern!r}" if found else f"it has no {pattern!r} file"
    listed = _listed(parts[0] for parts in found or models)
    raise not_found(name, f"{what}; give one as '{name.repository}:FILE', of {listed}")


def matches(file: str, pattern: str) -> bool:
    """Whether a file is meant: by a pattern with ``*``, by its name, or by its quantisation."""
    path, wanted = file.lower(), pattern.lower()
    if "*" in wanted or "?" in wanted or wanted.endswith(".gguf"):
        return any(fnmatch.fnmatchcase(text, wanted) for text in (path, PurePosixPath(path).name))
    return re.search(rf"(?<![a-z0-9]){re.escape(wanted)}(?![a-z0-9_])", path) is not None


def _safetensors(files: Sequence[str]) -> tuple[str, ...]:
    """Settings first and weights last, so that a folder with all weights is whole."""
    weights = sorted(file for file in files if _WEIGHTS.fullmatch(file))
    if "config.json" not in files or not weights:
        return ()
    return (*sorted(file for file in files if _SETTINGS.fullmatch(file)), *weights)


def _listed(files: Iterable[str]) -> str:
    names = sorted(files)
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return (", ".join(map(repr, names[:_MOST_LISTED])) or "no files") + more
