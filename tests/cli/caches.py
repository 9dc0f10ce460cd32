"""Models in caches of a test's own, laid out as the programs that own them lay them out."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from tests.local.support import TINY

FIRST, SECOND = "1" * 40, "2" * 40
DATA = TINY.read_bytes()


def put_version(
    cache: Path,
    files: dict[str, bytes],
    commit: str = FIRST,
    *refs: str,
    repository: str = "owner/name",
) -> Path:
    """Put a version of a repository into the hub's cache; its snapshot."""
    folder = cache / ("models--" + repository.replace("/", "--"))
    snapshot = folder / "snapshots" / commit
    for name, data in files.items():
        blob = folder / "blobs" / hashlib.sha256(data).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    for ref in refs or ("main",):
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / ref).write_text(commit)
    return snapshot


def put_ollama(store: Path, name: str = "llama3.2", tag: str = "1b", data: bytes = DATA) -> Path:
    """Put a model into Ollama's store; its manifest."""
    digest = hashlib.sha256(data).hexdigest()
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    (store / "blobs" / f"sha256-{digest}").write_bytes(data)
    manifest = store / "manifests/registry.ollama.ai/library" / name / tag
    manifest.parent.mkdir(parents=True, exist_ok=True)
    kind = "application/vnd.ollama.image.model"
    layer = {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}
    manifest.write_text(json.dumps({"layers": [layer]}))
    return manifest


def tree(folder: Path) -> set[str]:
    """Every file and link below a folder."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }
