"""Lockfiles that installed packages ship, found by their metadata: no package is imported.

``[extends]`` names distributions. What a distribution installed is in its metadata; an editable
install lists a ``.pth`` file and the folder of its source instead, so that is looked through in the
layouts ``src/<package>/`` and ``<package>/``. What is found has to lie where the package lies: a
list of files is the package's word, not the user's.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llmring.exceptions import LockfileError
from llmring.lockfile.names import canonical, is_package, listed, shown
from llmring.lockfile.parsing import load
from llmring.lockfile.paths import LOCKFILE_NAME
from llmring.lockfile.types import Lockfile

if TYPE_CHECKING:
    from importlib.metadata import Distribution

#: Largest metadata text that is looked through, in characters.
_MAX_METADATA_CHARS = 1 << 20
#: Most lockfiles of one package that are weighed against one another.
_MAX_CANDIDATES = 20


def load_package(package: str) -> Lockfile:
    """The lockfile of an installed package.

    :param package: its name, as pip knows it.
    :raises LockfileError: it is not installed, ships none or several, or its lockfile is broken.
    """
    path = find_in_package(package)
    try:
        return load(path)
    except LockfileError as err:
        raise LockfileError(
            f"the lockfile of package {package!r}: {err.message}",
            details=err.details,
            code=err.code,
        ) from None


def find_in_package(package: str) -> Path:
    """Where an installed package keeps its ``llmring.lock``.

    :raises LockfileError: it is not installed, or ships none, or several of equal rank.
    """
    # Takes 25 ms to import, and few lockfiles extend a package.
    from importlib.metadata import PackageNotFoundError, distribution

    if not is_package(package):
        raise LockfileError(f"{shown(package)} cannot name a package; give the name pip installs")
    try:
        found = distribution(package)
        names = _import_names(package, found)
        candidates = dict.fromkeys([*_installed(found), *_editable(found, names)])
    except PackageNotFoundError:
        raise LockfileError(
            f"package {package!r} is not installed; install it, or take it out of [extends]",
            code="package_missing",
        ) from None
    except (OSError, ValueError, KeyError, RecursionError, csv.Error) as err:
        raise LockfileError(
            f"the metadata of package {package!r} cannot be read ({type(err).__name__}); "
            "install it again"
        ) from err
    return _best(package, names, list(candidates))


def _installed(found: Distribution) -> Iterator[Path]:
    """The lockfiles among the files that the distribution's metadata list."""
    root = Path(os.path.realpath(str(found.locate_file(""))))
    for file in found.files or []:
        if file.name != LOCKFILE_NAME or ".." in file.parts or file.is_absolute():
            continue
        if any(part.endswith((".dist-info", ".data", ".egg-info")) for part in file.parts):
            continue
        yield from _inside(root, root.joinpath(*file.parts))


def _editable(found: Distribution, names: list[str]) -> Iterator[Path]:
    """The lockfiles in the source folders of an editable install."""
    for folder in _source_folders(found):
        root = Path(os.path.realpath(folder))
        for name in names:
            for layout in (root / "src", root):
                yield from _inside(root, layout / name / LOCKFILE_NAME)


def _source_folders(found: Distribution) -> Iterator[str]:
    from urllib.request import url2pathname  # heavy, for one function

    # PEP 610: where it was installed from.
    direct_url = json.loads((found.read_text("direct_url.json") or "{}")[:_MAX_METADATA_CHARS])
    if isinstance(direct_url, dict):
        info, url = direct_url.get("dir_info"), direct_url.get("url")
        if isinstance(info, dict) and info.get("editable") is True and isinstance(url, str):
            parts = urlsplit(url)
            if parts.scheme == "file" and parts.netloc in ("", "localhost"):
                yield url2pathname(parts.path)
    # An older editable install: the metadata lie in the source folder.
    if found.files is None or any(file.suffix == ".egg-info" for file in found.files):
        yield str(found.locate_file(""))


def _inside(root: Path, path: Path) -> Iterator[Path]:
    """`path` if it is there and really lies below `root`."""
    if os.path.lexists(path) and Path(os.path.realpath(path)).is_relative_to(root):
        yield path


def _import_names(package: str, found: Distribution) -> list[str]:
    """The folders that the package likely lies in."""
    top_level = (found.read_text("top_level.txt") or "")[:_MAX_METADATA_CHARS].split()
    guess = canonical(package).replace("-", "_")
    return list(
        dict.fromkeys([guess, *(n for n in top_level[:_MAX_CANDIDATES] if n.isidentifier())])
    )


def _best(package: str, names: list[str], candidates: list[Path]) -> Path:
    """The one in the package's own folder, else the only one."""
    own = [path for path in candidates if path.parent.name in names]
    for choice in (own[:_MAX_CANDIDATES], candidates):
        if len({os.path.realpath(path) for path in choice}) == 1:
            return choice[0]
    if not candidates:
        raise LockfileError(
            f"package {package!r} ships no {LOCKFILE_NAME}; take it out of [extends]",
            code="package_without_lockfile",
        )
    folders = listed([str(path.parent) for path in candidates])
    raise LockfileError(
        f"package {package!r} ships several {LOCKFILE_NAME}, in {folders}; it has to ship one, in "
        f"the folder {names[0]}"
    )
