"""Models of the Hugging Face hub that are on this disk, in the hub's own cache layout.

``models--owner--name/refs/main`` holds a commit, ``snapshots/COMMIT/`` its files, which link into
``blobs/``, where a large file is named by its SHA-256. Nothing here uses the network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from LLM.exceptions import ModelNotFoundError
from local_llm_kit import strict_json
from local_llm_kit.checkpoint import INDEX
from local_llm_kit.hub_files import Choice, HubName, Kind, choose, gguf_models
from local_llm_kit.integrity import named_digest

CACHE_DIR_VARIABLE = "LOCAL_LLM_KIT_CACHE_DIR"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MAX_INDEX_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model of the hub on this disk.

    :param path: the GGUF file to load, or the folder.
    :param commit: which version of the repository.
    :param sha256: of the GGUF file, where it is known.
    """

    kind: Kind
    path: Path
    commit: str
    sha256: str | None


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where downloads are kept: ``LOCAL_LLM_KIT_CACHE_DIR``, else Hugging Face's own cache."""
    if chosen := environ.get(CACHE_DIR_VARIABLE) or environ.get("HF_HUB_CACHE"):
        return Path(os.path.expanduser(chosen))
    home = environ.get("HF_HOME") or os.path.join(
        environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface"
    )
    return Path(os.path.expanduser(home)) / "hub"


def repository_folder(cache: Path, repository: str) -> Path:
    """A repository's folder in a cache."""
    return cache / ("models--" + repository.replace("/", "--"))


def find(name: HubName, kinds: Sequence[Kind], cache: Path) -> HubModel | None:
    """A model that is in the cache as a whole; None when it is not, or not without doubt."""
    commit = commit_of(repository_folder(cache, name.repository), name.revision)
    if commit is None:
        return None
    snapshot = repository_folder(cache, name.repository) / "snapshots" / commit
    try:
        choice = choose(name, _files(snapshot), kinds)
    except ModelNotFoundError:
        return None
    if choice.kind == "safetensors" and not _is_whole(snapshot):
        return None
    return located(choice, snapshot)


def located(choice: Choice, snapshot: Path) -> HubModel:
    """A choice as files of a snapshot."""
    if choice.kind == "safetensors":
        return HubModel(choice.kind, snapshot, snapshot.name, None)
    path = snapshot / choice.files[0]
    return HubModel(choice.kind, path, snapshot.name, named_digest(path))


def present(cache: Path) -> Iterator[str]:
    """Names of the models in the cache, as they are asked for."""
    for repository, folder in repositories(cache):
        commit = commit_of(folder, "main")
        files = _files(folder / "snapshots" / commit) if commit else []
        for parts in gguf_models(files):
            yield f"{repository}:{parts[0]}"
        if commit and find(HubName(repository), ("safetensors",), cache):
            yield repository


def repositories(cache: Path) -> Iterator[tuple[str, Path]]:
    """Each repository of which something is in the cache, and its folder."""
    for folder in sorted(cache.glob("models--*--*")):
        yield folder.name.removeprefix("models--").replace("--", "/", 1), folder


def commit_of(folder: Path, revision: str) -> str | None:
    """The commit that a revision of a repository is in the cache; None when it is not there.

    :param folder: the repository's.
    """
    if _COMMIT.fullmatch(revision):
        return revision
    try:
        commit = (folder / "refs" / revision).read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    return commit if _COMMIT.fullmatch(commit) else None


def _files(snapshot: Path) -> list[str]:
    return sorted(
        path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file()
    )


def _is_whole(snapshot: Path) -> bool:
    """Whether all files that an index names are there; a model in one file has none."""
    try:
        places = strict_json.read(snapshot / INDEX, _MAX_INDEX_BYTES).get("weight_map")
    except FileNotFoundError:
        return (snapshot / "model.safetensors").is_file()
    except (OSError, ValueError):
        return False
    return isinstance(places, dict) and all(
        isinstance(name, str) and (snapshot / name).is_file() for name in places.values()
    )
