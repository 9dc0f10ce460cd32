"""Registry files kept on disk, so that a new process need not ask again.

A file holds one line of JSON (address, time, digest) and then the registry's bytes. What does not
fit its digest is damaged, and taken for missing. Nothing here raises: a cache that cannot be
written costs a request, not an answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from pathlib import Path
from typing import NamedTuple

from LLM.replacement import owner_only, replacing
from llmring.registry.reading import MAX_REGISTRY_BYTES

#: Most files that are kept; the oldest go first.
MAX_FILES = 64
_MAX_LINE_BYTES = 8192
_logger = logging.getLogger("llmring.registry")


class Kept(NamedTuple):
    """A registry's file as it was read before.

    :param stored: seconds since the epoch.
    """

    body: bytes
    stored: float


class DiskCache:
    """A folder of registry files, shared between processes.

    :param folder: None for the user's cache folder.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._folder = None if folder is None else Path(folder)

    @property
    def folder(self) -> Path:
        """Where the files are; it need not exist."""
        if self._folder is None:
            from platformdirs import user_cache_path

            self._folder = user_cache_path("llmring", appauthor=False) / "registry"
        return self._folder

    def get(self, url: str) -> Kept | None:
        """What was kept for `url`, however old; None when there is nothing, or it is damaged."""
        try:
            with open(self._path(url), "rb", opener=_open_at_once) as file:
                line = file.readline(_MAX_LINE_BYTES)
                body = file.read(MAX_REGISTRY_BYTES + 1)
            facts = json.loads(line)
            fits = facts["url"] == url and facts["sha256"] == hashlib.sha256(body).hexdigest()
            return Kept(body, float(facts["stored"])) if fits else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError) as err:
            _logger.debug("registry cache: %s", err)
            return None

    def put(self, url: str, body: bytes, stored: float) -> None:
        """Keep `body`. A reader sees the old file or the new one, never half of either."""
        digest = hashlib.sha256(body).hexdigest()
        line = json.dumps({"url": url, "stored": stored, "sha256": digest}).encode()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (
                replacing(self._path(url)) as partial,
                open(partial, "xb", opener=owner_only) as file,
            ):
                file.write(line + b"\n" + body)
            self._shrink()
        except OSError as err:
            _logger.debug("registry cache: %s", err)

    def clear(self) -> int:
        """Delete all files, and what writers that were killed have left of theirs.

        :return: how many registry files there were.
        """
        for unfinished in self._files(".*.registry.*"):
            with contextlib.suppress(OSError):
                unfinished.unlink()
        count = 0
        for path in self._files():
            with contextlib.suppress(OSError):
                path.unlink()
                count += 1
        return count

    def sizes(self) -> list[int]:
        """Bytes of each file that is kept."""
        sizes = []
        for path in self._files():
            with contextlib.suppress(OSError):  # another process has deleted it
                sizes.append(path.stat().st_size)
        return sizes

    def _path(self, url: str) -> Path:
        return self.folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.registry"

    def _files(self, pattern: str = "*.registry") -> list[Path]:
        return sorted(self.folder.glob(pattern)) if self.folder.is_dir() else []

    def _shrink(self) -> None:
        files = self._files()
        if len(files) > MAX_FILES:
            files.sort(key=lambda path: path.stat().st_mtime)
            for path in files[: len(files) - MAX_FILES]:
                path.unlink(missing_ok=True)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; what is a FIFO would otherwise hold us until someone writes to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
