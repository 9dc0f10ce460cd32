"""Removing what was downloaded from the hub, and nothing else.

A removal is worked out first and then carried out, so that a caller can show what would go. Only
entries inside one repository's own folder of the cache are touched: a link is removed and never
followed, except into the repository's ``blobs``, whose files are shared by its versions.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from LLM.exceptions import InvalidRequestError, LLMConfigError, ModelNotFoundError
from local_llm_kit import gguf, hub_cache, ollama_store
from local_llm_kit.hub_files import HubName, gguf_models, matches, parse_name
from local_llm_kit.local_files import BUNDLED, not_found
from local_llm_kit.model_files import (
    OLLAMA_PREFIX,
    Sources,
    find_model,
    is_path,
    present_models,
)


@dataclass(frozen=True, slots=True)
class Removal:
    """What would go of a repository in the cache.

    :param name: the model, as it was asked for.
    :param folder: the repository's folder in the cache.
    :param commit: the version that goes, or of which files go; empty where none was whole.
    :param entries: files and links of that version.
    :param blobs: what they alone refer to.
    :param refs: branches and tags that name that version; empty while some of its files stay.
    :param is_last: nothing else of the repository is in the cache: its whole folder goes.
    :param freed_bytes: what the disk gets back.
    """

    name: str
    folder: Path
    commit: str
    entries: tuple[Path, ...]
    blobs: tuple[Path, ...]
    refs: tuple[Path, ...]
    is_last: bool
    freed_bytes: int


def plan_removal(name: str, sources: Sources | None = None) -> Removal:
    """Work out what removing a model would take away; nothing is changed.

    :param name: ``owner/name`` for all files of its version, or for what a broken download has
        left; with a colon and a quantisation or a file's name for that GGUF file alone;
        ``@revision`` before it for another version.
    :raises ModelNotFoundError: it is not in the hub's cache.
    :raises LLMConfigError: it is not the hub's: bundled, a path, or Ollama's; or its folder is a
        link.
    """
    sources = replace(sources or Sources(), offline=True)
    wanted = _hub_name(name, sources)
    cache = Path(os.path.realpath(sources.cache_dir))
    folder = hub_cache.repository_folder(cache, wanted.repository)
    commit = hub_cache.commit_of(folder, wanted.revision)
    snapshot = folder / "snapshots" / (commit or "")
    is_remnant = wanted == HubName(wanted.repository) and _is_remnant(folder)
    if not is_remnant and (commit is None or not snapshot.is_dir()):
        known = [one for one in present_models(sources) if "/" in one]
        known += [f"{wanted.repository}@{one.name}" for one in folder.glob("snapshots/*")]
        raise not_found(name, f"no model {name!r} in {str(sources.cache_dir)!r}", known)
    for place in (folder, folder / "snapshots", snapshot, folder / "blobs", folder / "refs"):
        if place.is_symlink():
            raise LLMConfigError(
                f"{str(place)!r} is a link to {os.readlink(place)!r}, and nothing is removed "
                "behind links; remove it yourself"
            )
    if is_remnant:
        files = tuple(_files(folder))
        return Removal(name, folder, "", files, (), (), True, sum(map(_own_bytes, files)))
    return _planned(name, wanted, folder, snapshot)


def remove(removal: Removal) -> None:
    """Carry a removal out.

    Programs that have a file open keep what they have until they end.

    :raises LLMConfigError: something may not be removed; what was before it is gone.
    """
    try:
        # First, so that nobody finds half a version: without them its name leads nowhere.
        for ref in removal.refs:
            ref.unlink(missing_ok=True)
        for path in (*removal.entries, *removal.blobs):
            path.unlink(missing_ok=True)
        if removal.is_last:
            shutil.rmtree(removal.folder)
            _remove_tree(removal.folder.parent / ".locks" / removal.folder.name)
        else:
            _remove_empty(removal.folder / "snapshots" / removal.commit)
    except OSError as err:
        raise LLMConfigError(
            f"cannot remove {err.filename!r}: {err.strerror or err}; some of {removal.name!r} may "
            "be left"
        ) from err


def is_of_ollama(name: str, sources: Sources | None = None) -> bool:
    """Whether a name means a model in Ollama's store, which only Ollama may change."""
    store = (sources or Sources()).ollama_dir
    if name.startswith(OLLAMA_PREFIX):
        return True
    if name in BUNDLED or is_path(name):
        return False
    try:
        return ollama_store.find(name, store) is not None
    except InvalidRequestError:  # there, and damaged
        return True


def _hub_name(name: str, sources: Sources) -> HubName:
    """The repository that a name means.

    :raises LLMConfigError: it means something that is not the hub's.
    """
    if name in BUNDLED:
        raise LLMConfigError(f"{name!r} comes with the package, and is not removed")
    if is_of_ollama(name, sources):
        bare = name.removeprefix(OLLAMA_PREFIX)
        raise LLMConfigError(
            f"{name!r} is in Ollama's store, which Ollama keeps; remove it with: ollama rm {bare}"
        )
    wanted = None if is_path(name) else parse_name(name)
    if wanted is None:
        found = find_model(name, sources=sources)  # says what is near where nothing is there
        raise LLMConfigError(
            f"{name!r} is a path of yours, and only downloads are removed; remove "
            f"{str(found.path)!r} yourself"
        )
    return wanted


def _is_remnant(folder: Path) -> bool:
    """Whether a repository's folder holds no version: its first file has not come as a whole."""
    return folder.is_dir() and not any(
        next(_files(folder / part), None) for part in ("refs", "snapshots")
    )


def _planned(name: str, wanted: HubName, folder: Path, snapshot: Path) -> Removal:
    entries = list(_files(snapshot))
    chosen = entries if wanted.pattern is None else _chosen(name, wanted.pattern, snapshot)
    is_whole = len(chosen) == len(entries)
    others = [one for one in (folder / "snapshots").iterdir() if one != snapshot]
    is_last = is_whole and not others
    kept = [one for one in entries if one not in set(chosen)]
    kept += [one for other in others for one in _files(other)]
    blobs = _blobs(chosen, folder) - _blobs(kept, folder)
    gone = _files(folder) if is_last else (*chosen, *blobs)
    return Removal(
        name=name,
        folder=folder,
        commit=snapshot.name,
        entries=tuple(chosen),
        blobs=tuple(sorted(blobs)),
        refs=tuple(_refs(folder, snapshot.name)) if is_whole else (),
        is_last=is_last,
        freed_bytes=sum(map(_own_bytes, gone)),
    )


def _chosen(name: str, pattern: str, snapshot: Path) -> list[Path]:
    """The GGUF files of a version that a pattern means, all parts of each."""
    files = [path.relative_to(snapshot).as_posix() for path in _files(snapshot)]
    models = [parts for parts in _parted(files) if matches(parts[0], pattern)]
    if not models:
        raise ModelNotFoundError(
            f"no model {name!r}: nothing in {str(snapshot)!r} matches {pattern!r}; there are "
            f"{', '.join(files[:12]) or 'no files'}",
            status_code=404,
            model=name,
            code="model_not_found",
        )
    if len(models) > 1:
        found = ", ".join(repr(parts[0]) for parts in models)
        raise LLMConfigError(f"{name!r} means several models: {found}; name one of them")
    return [snapshot / part for part in models[0]]


def _parted(files: list[str]) -> Iterator[tuple[str, ...]]:
    """Each GGUF model, also one of which parts are missing."""
    whole = gguf_models(files)
    yield from whole
    rest = set(files).difference(*whole)
    lone = {gguf.part_paths(Path(file))[0].as_posix() for file in rest if file.endswith(".gguf")}
    for first in sorted(lone):
        parts = [part.as_posix() for part in gguf.part_paths(Path(first))]
        yield tuple(part for part in parts if part in rest)


def _files(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is no folder itself; links are not followed."""
    for place, folders, files in os.walk(folder):
        links = [one for one in folders if os.path.islink(os.path.join(place, one))]
        yield from (Path(place, one) for one in (*files, *links))


def _blobs(entries: list[Path], folder: Path) -> set[Path]:
    """The blobs that entries link to; files, and links that lead elsewhere, have none."""
    targets = {Path(os.path.realpath(entry)) for entry in entries if entry.is_symlink()}
    return {target for target in targets if target.parent == folder / "blobs"}


def _refs(folder: Path, commit: str) -> Iterator[Path]:
    for path in _files(folder / "refs"):
        with suppress(OSError, UnicodeDecodeError):
            if not path.is_symlink() and path.read_text("ascii").strip() == commit:
                yield path


def _own_bytes(path: Path) -> int:
    """What the disk gets back for an entry; a file with another name elsewhere gives nothing."""
    try:
        facts = path.lstat()
    except OSError:
        return 0
    return facts.st_size if facts.st_nlink == 1 else 0


def _remove_tree(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)


def _remove_empty(folder: Path) -> None:
    """Remove the folders in which nothing is left."""
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # not empty
            os.rmdir(place)
