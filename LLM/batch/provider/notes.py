"""The notes of a job that a provider answers: its parts, and how far each is.

They lie in a folder beside the output, ``out.jsonl.batches``: ``job.json`` says which parts there
are and how far each is, ``part-000001.jsonl`` holds a part's requests in OpenAI's format. What
cannot be taken twice (making a batch, which is paid for) is written down before and after, so that
a run that ends in between, however it ends, is gone on with. The folder goes when the job is done.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from LLM.batch.digests import DigestTable, digest_of_id
from LLM.batch.exceptions import BatchOutputError
from LLM.batch.files import replace_lines, told
from LLM.batch.provider.parts import Part, PartFile
from LLM.replacement import sync_folder

#: What the table of requests has for one: the part's number above, its place in the part below.
_PLACE_BITS = 32


class _Written(BaseModel):
    """What ``job.json`` holds."""

    version: Literal[1] = 1
    api: str
    address: str
    parts: list[Part] = []


class JobNotes:
    """The parts of a job, and what is written down of them.

    :param folder: where; made when it is missing.
    :param api: name of the provider's API.
    :param address: where the provider is.
    :raises BatchOutputError: the folder cannot be used, or belongs to a job at another provider.
    """

    def __init__(self, folder: Path, api: str, address: str) -> None:
        self.folder = folder
        with told(folder, "make"):
            folder.mkdir(exist_ok=True)
        self._path = folder / "job.json"
        self._written = self._read(api, address)
        self.parts = [self._file(part) for part in self._written.parts]
        for file in self.parts:
            file.load()

    def save(self) -> None:
        """Write down how far the parts are; it is on the disk when this returns."""
        self._written.parts = [file.part for file in self.parts]
        replace_lines(self._path, [to_json(self._written, indent=1)])

    def places(self) -> DigestTable:
        """Where each request is, by the digest of its custom_id; see `place`."""
        table = DigestTable()
        for number, file in enumerate(self.parts):
            for n, custom_id in enumerate(file.custom_ids()):
                table.add(digest_of_id(custom_id), number << _PLACE_BITS | n)
        return table

    def place(self, table: DigestTable, custom_id: str) -> tuple[PartFile, int] | None:
        """The part that a request is in, and where; None where it is in none."""
        found = table.get(digest_of_id(custom_id))
        if found is None:
            return None
        return self.parts[found >> _PLACE_BITS], found & (1 << _PLACE_BITS) - 1

    def begin(self) -> tuple[int, Path]:
        """Number and file of a part that is to be written."""
        taken = [int(path.stem.removeprefix("part-")) for path in self.folder.glob("part-*.jsonl")]
        number = max(taken, default=0) + 1
        return number, self._part_path(number)

    def add(self, file: PartFile) -> None:
        """Take a part whose file is complete."""
        self.parts.append(file)

    def forget(self, file: PartFile) -> None:
        """A part is done with."""
        self.parts.remove(file)
        self.save()
        with contextlib.suppress(OSError):
            file.path.unlink()

    def close(self) -> None:
        """Remove the folder unless there is still a part."""
        if self.parts:
            return
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
            self.folder.rmdir()
            sync_folder(self.folder.parent)

    def _read(self, api: str, address: str) -> _Written:
        if not self._path.exists():
            return _Written(api=api, address=address)
        with told(self._path, "read"):
            written = self._path.read_bytes()
        try:
            notes = _Written.model_validate_json(written)
        except ValidationError:
            notes = None
        if notes is None:
            raise BatchOutputError(
                f"{str(self._path)!r}, which says where the job's batches are, cannot be read; "
                "bring it back, or cancel them at the provider and delete its folder"
            )
        if (notes.api, notes.address) != (api, address):
            raise BatchOutputError(
                f"the job of {str(self.folder)!r} is at {notes.address}, not at {address}; go on "
                "there, or cancel its batches and delete the folder to begin anew"
            )
        return notes

    def _file(self, part: Part) -> PartFile:
        return PartFile(part, self._part_path(part.number))

    def _part_path(self, number: int) -> Path:
        return self.folder / f"part-{number:06}.jsonl"

    def remove_strays(self) -> None:
        """Remove what a run has left that ended while it wrote a part; none may be running."""
        known = {file.path for file in self.parts}
        half_written = self.folder.glob(f".{self._path.name}.*")  # see `LLM.replacement`
        for path in (*self.folder.glob("part-*.jsonl"), *half_written):
            if path not in known:
                with told(path, "remove"):
                    path.unlink()
