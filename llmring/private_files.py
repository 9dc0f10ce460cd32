"""Files that their owner alone can read, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from LLM.replacement import owner_only, replacing


def replace_text(path: Path, text: str) -> None:
    """Make `text` the contents of a file in one step: whoever reads has the old or the new.

    A symbolic link stays one and its target is replaced. When this returns, it is on the disk.

    :raises OSError: it cannot be written; what was there is as it was.
    """
    with (
        replacing(path) as partial,
        open(partial, "x", encoding="utf-8", opener=owner_only) as file,
    ):
        file.write(text)
