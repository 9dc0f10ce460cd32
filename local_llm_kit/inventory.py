"""The models on this disk: their names, where they came from, their files and sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from LLM.exceptions import LLMConfigError, LLMError
from local_llm_kit import gguf, hub_cache, ollama_store
from local_llm_kit.hub_files import Kind, parse_name
from local_llm_kit.local_files import BUNDLED, ModelFile, name_of, names_in
from local_llm_kit.model_files import OLLAMA_PREFIX, Sources, expanded, find_model

#: Endings of what a folder of safetensors holds beside its weights.
_SETTINGS = (".json", ".jinja", ".txt", ".model", ".tiktoken")


@dataclass(frozen=True, slots=True)
class PresentModel:
    """A model that needs no download.

    :param name: by which `find_model` finds it.
    :param kind: None of a download that was broken off.
    :param files: all of its files, links as they lie; none when it is damaged.
    :param size_bytes: of the files together, or of what a download has brought.
    :param modified: seconds since the epoch when its newest file was written; 0 when damaged.
    :param problem: why it cannot be loaded; None when nothing is known against it.
    """

    name: str
    source: Literal["bundled", "path", "hub", "ollama"]
    kind: Kind | None
    files: tuple[Path, ...] = ()
    size_bytes: int = 0
    modified: float = 0.0
    revision: str | None = None
    problem: str | None = None


def inventory(
    sources: Sources | None = None, default_path: str | None = None
) -> list[PresentModel]:
    """All models on this disk, the bundled ones first. Reads no weights and no headers.

    :param default_path: a folder of models, or one; see `settings.default_model_path`.
    :raises LLMConfigError: a folder in which to look cannot be read.
    """
    sources = replace(sources or Sources(), offline=True)
    try:
        return [
            *(_described(find_model(name, sources=sources)) for name in BUNDLED),
            *_at_default(default_path, sources),
            *_of_hub(sources.cache_dir),
            *_unfinished(sources.cache_dir),
            *_of_ollama(sources.ollama_dir),
        ]
    except OSError as err:
        raise LLMConfigError(
            f"cannot look for models at {err.filename!r}: {err.strerror or err}"
        ) from err


def files_of(found: ModelFile) -> tuple[Path, ...]:
    """All files of a model that was found: its parts, or the weights and settings of a folder."""
    if found.kind == "gguf":
        return tuple(gguf.part_paths(found.path))
    return tuple(
        sorted(
            path
            for path in found.path.iterdir()
            if path.suffix in (".safetensors", *_SETTINGS) and path.is_file()
        )
    )


def _described(found: ModelFile) -> PresentModel:
    files = files_of(found)
    facts = [path.stat() for path in files]
    return PresentModel(
        found.name,
        found.source,
        found.kind,
        files,
        sum(one.st_size for one in facts),
        max((one.st_mtime for one in facts), default=0.0),
        found.revision,
    )


def _at_default(default_path: str | None, sources: Sources) -> Iterator[PresentModel]:
    if default_path is None:
        return
    path = expanded(default_path)
    names: list[str | None] = [None] if path.is_file() else []
    names += list(dict.fromkeys(name_of(Path(file)) for file in names_in(path)))
    for name in names:
        try:
            yield _described(find_model(name, default_path, sources=sources))
        except LLMError as err:  # a part is missing, for example
            yield PresentModel(name or path.name, "path", "gguf", problem=str(err))


def _of_hub(cache: Path) -> Iterator[PresentModel]:
    for name in hub_cache.present(cache):
        wanted = parse_name(name)
        # Its folders may be another program's, and one half of the pair may have gone meanwhile.
        if wanted is None:
            continue
        kind: Kind = "safetensors" if wanted.pattern is None else "gguf"
        found = hub_cache.find(wanted, (kind,), cache)
        if found is not None:
            yield _described(
                ModelFile(name, found.path, found.kind, "hub", found.commit, found.sha256)
            )


def _unfinished(cache: Path) -> Iterator[PresentModel]:
    """Downloads that were broken off; the next one goes on from there."""
    for repository, folder in hub_cache.repositories(cache):
        sizes = [path.stat().st_size for path in (folder / "blobs").glob("*.incomplete")]
        if sizes:
            problem = (
                f"a download of {repository!r} was broken off after {sum(sizes):,} bytes of a file;"
                f" go on with: local-llm-kit models pull {repository}"
            )
            yield PresentModel(repository, "hub", None, (), sum(sizes), problem=problem)


def _of_ollama(store: Path) -> Iterator[PresentModel]:
    for name in ollama_store.present(store):
        shown = OLLAMA_PREFIX + name
        try:
            stored = ollama_store.require(name, store)
        except LLMError as err:
            yield PresentModel(shown, "ollama", "gguf", problem=str(err))
            continue
        files = tuple(layer.path for layer in stored.layers)
        yield PresentModel(
            shown,
            "ollama",
            "gguf",
            files,
            sum(layer.size_bytes for layer in stored.layers),
            max(path.stat().st_mtime for path in files),
        )
