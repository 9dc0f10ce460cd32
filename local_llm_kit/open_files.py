"""Which processes have files in memory, as far as the system tells this user."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def mapped_by(paths: Iterable[Path], proc: Path = Path("/proc")) -> list[int]:
    """Ids of the processes that have mapped one of these files.

    Linux tells them of the user's own processes; elsewhere none are known.

    :param proc: where the system tells of its processes; tests have one of their own.
    """
    wanted = {os.fsencode(os.path.realpath(path)) for path in paths}
    return sorted(
        int(folder.name)
        for folder in proc.glob("[0-9]*")
        if folder.name.isdigit() and not wanted.isdisjoint(_mapped(folder / "maps"))
    )


def _mapped(maps: Path) -> set[bytes]:
    """Paths of the files that a process has mapped; none where that may not be read."""
    try:
        lines = maps.read_bytes().splitlines()
    except OSError:  # another user's process, or one that has just ended
        return set()
    # address, rights, offset, device, inode, path: the last may hold spaces.
    return {fields[5] for line in lines if len(fields := line.split(None, 5)) == 6}
