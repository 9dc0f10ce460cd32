"""Registered files, and their copies at providers.

A file is registered by its path, and nothing is sent. When a call refers to it, it is hashed; where
the provider of that call has no copy of that very content, it is uploaded, and an older copy is
deleted. Registrations live as long as the ring; copies live at the provider until they are deleted
by `deregister`, or by the provider itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from LLM.exceptions import LLMError
from llmring.exceptions import FileProcessingError
from llmring.files.flights import SharedFlights
from llmring.files.reading import open_file, shown_path
from llmring.files.rules import FileRules
from llmring.files.uploads import Copy, hash_of, upload
from llmring.providers.base import BaseLLMProvider

_logger = logging.getLogger("llmring")

#: How often a file is uploaded that is another one as soon as it is.
_MAX_UPLOADS = 3


@dataclass(slots=True, eq=False)
class RegisteredFile:
    """A file that calls can refer to.

    :param path: absolute, as it was when the file was registered.
    :param content_hash: SHA-256 in hexadecimal, as it was when the file was last looked at.
    :param copies: by provider.
    :param leftovers: older copies that are to be deleted yet.
    """

    id: str
    path: str
    content_hash: str
    registered_at: datetime
    copies: dict[str, Copy] = field(default_factory=dict)
    leftovers: list[Copy] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """What is known of it, as plain values; times are in ISO 8601, in UTC."""
        return {
            "id": self.id,
            "file_path": self.path,
            "uploads": {
                provider: {
                    "provider_file_id": copy.response.file_id,
                    "uploaded_at": copy.response.created_at.isoformat(),
                    "metadata": dict(copy.response.metadata),
                }
                for provider, copy in self.copies.items()
            },
            "registered_at": self.registered_at.isoformat(),
            "content_hash": self.content_hash,
        }


class FileRegistry:
    """The registered files of a ring. Tasks and threads may share it."""

    def __init__(self) -> None:
        self._files: dict[str, RegisteredFile] = {}
        self._flights: SharedFlights[Copy] = SharedFlights()
        self._lock = threading.Lock()

    def register(self, path: str | os.PathLike[str], file_id: str | None = None) -> str:
        """Register a file: it is hashed, and nothing is sent.

        :param file_id: its id; None makes one.
        :return: its id.
        :raises FileProcessingError: the file may not or cannot be read, or is empty; or the id
            cannot be one, or is taken.
        :raises FileSizeError: the file is too large.
        """
        with open_file(path, FileRules.read()) as opened:
            if opened.size_bytes == 0:
                raise FileProcessingError(f"{opened.path} is empty; give a file with content")
            content_hash = opened.sha256()
        file = RegisteredFile(
            id=f"llmring-file-{uuid.uuid4()}" if file_id is None else _checked_id(file_id),
            path=os.path.abspath(os.fsdecode(path)),
            content_hash=content_hash,
            registered_at=datetime.now(UTC),
        )
        with self._lock:
            if file.id in self._files:
                raise FileProcessingError(
                    f"file_id {file.id!r} is taken; give another one, or deregister that file first"
                )
            self._files[file.id] = file
        return file.id

    def require(self, file_ids: Iterable[str]) -> list[RegisteredFile]:
        """The files of these ids, each once.

        :raises FileProcessingError: an id is of no registered file.
        """
        found = {file_id: self._files.get(file_id) for file_id in file_ids}
        for file_id, file in found.items():
            if file is None:
                raise FileProcessingError(
                    f"no file is registered as {file_id!r}; call register_file, and give the id "
                    "that it returns"
                )
        return [file for file in found.values() if file is not None]

    def told(self) -> list[dict[str, Any]]:
        """All that are registered; see `RegisteredFile.told`."""
        with self._lock:
            return [file.told() for file in self._files.values()]

    async def deregister(self, file_id: str) -> bool:
        """Forget a file and delete its copies at providers.

        :return: whether it was registered.
        :raises FileProcessingError: a copy could not be deleted; ``details["copies"]`` has the
            provider and the id of each. The file is no longer registered.
        """
        with self._lock:
            file = self._files.pop(file_id, None)
        if file is None:
            return False
        # An upload that is under way finds the file gone, and leaves its copy to be deleted here.
        await self._flights.ended(lambda key: isinstance(key, tuple) and key[0] is file)
        file.leftovers += reversed(file.copies.values())
        file.copies = {}
        if errors := await self._clear(file):
            raise _left_behind(file, errors)
        return True

    async def copy_at(
        self,
        provider: BaseLLMProvider,
        file: RegisteredFile,
        media_type: str,
        max_size_bytes: int | None,
    ) -> Copy:
        """The copy of a file at a provider, made where there is none of what it holds now.

        :param media_type: as which it is uploaded.
        :param max_size_bytes: the largest file that the provider keeps.
        :raises FileProcessingError: the file may not or cannot be read, or does not hold still.
        :raises FileSizeError: it is too large for the provider.
        :raises LLMError: the provider refuses it, or cannot be reached.
        """
        copy = file.copies.get(provider.name)
        if copy is not None and not copy.serves(provider, media_type):
            copy = None
        for _ in range(_MAX_UPLOADS):
            if copy is None:
                copy = await self._flights.result(
                    (file, provider, media_type),
                    lambda: self._made(provider, file, media_type, max_size_bytes),
                )
            # Whoever had begun the upload may have done so before the file was last written.
            file.content_hash = await asyncio.to_thread(hash_of, file.path)
            if copy.content_hash == file.content_hash:
                return copy
            copy = None
        raise FileProcessingError(f"{shown_path(file.path)} changes all the time; try again later")

    async def forget_gone(
        self, provider: BaseLLMProvider, files: Sequence[RegisteredFile], error: LLMError
    ) -> bool:
        """Forget the copies that a provider's refusal names, if they are gone.

        :return: whether any was.
        """
        told = f"{error.message} {error.body}"
        n_gone = 0
        for file in files:
            copy = file.copies.get(provider.name)
            # Google names a file without the folder that its id begins with.
            if copy is None or copy.response.file_id.rpartition("/")[2] not in told:
                continue
            if await copy.is_gone():
                n_gone += 1
                with self._lock:
                    # Another call may have put a new one in its place by now.
                    if file.copies.get(provider.name) is copy:
                        del file.copies[provider.name]
        return n_gone > 0

    async def _made(
        self,
        provider: BaseLLMProvider,
        file: RegisteredFile,
        media_type: str,
        max_size_bytes: int | None,
    ) -> Copy:
        """Upload a file and delete the copy that it replaces."""
        self.require([file.id])
        content_hash = await asyncio.to_thread(hash_of, file.path)
        there = file.copies.get(provider.name)
        if there and there.serves(provider, media_type) and there.content_hash == content_hash:
            return there  # who has made it has just ended
        copy = await upload(file.path, media_type, content_hash, provider, max_size_bytes)
        with self._lock:
            is_registered = self._files.get(file.id) is file
            if is_registered:
                replaced = file.copies.get(provider.name)
                file.copies[provider.name] = copy
                file.content_hash = content_hash
                file.leftovers += [replaced] if replaced else []
            else:
                file.leftovers.append(copy)
        if not is_registered:
            raise FileProcessingError(
                f"{file.id!r} was deregistered while it was uploaded; register it anew"
            )
        for old, err in await self._clear(file):
            _logger.warning(
                "an old copy of %s at %s (%s) could not be deleted: %s",
                file.id, old.provider.name, old.response.file_id, err.message,
            )  # fmt: skip
        return copy

    async def _clear(self, file: RegisteredFile) -> list[tuple[Copy, LLMError]]:
        """Delete older copies. :return: those that could not be, which stay to be deleted."""
        errors: list[tuple[Copy, LLMError]] = []
        with self._lock:  # uploads to several providers may end at once
            left, file.leftovers = file.leftovers, []
        try:
            while left:
                try:
                    await left[-1].delete()
                except LLMError as err:
                    errors.append((left[-1], err))
                left.pop()
        finally:
            with self._lock:
                file.leftovers += [*left, *(copy for copy, _ in errors)]
        return errors


def _checked_id(file_id: object) -> str:
    if isinstance(file_id, str) and 0 < len(file_id) <= 200 and file_id.isprintable():
        return file_id
    raise FileProcessingError(
        f"file_id is {file_id!r}; give up to 200 printable characters, or leave it out"
    )


def _left_behind(
    file: RegisteredFile, errors: Sequence[tuple[Copy, LLMError]]
) -> FileProcessingError:
    copies = [(copy.provider.name, copy.response.file_id) for copy, _ in errors]
    where = ", ".join(f"{file_id} at {provider!r}" for provider, file_id in copies)
    return FileProcessingError(
        f"{file.id!r} is no longer registered, but a copy could not be deleted: {where} "
        f"({errors[0][1].message}); delete it there",
        original=errors[0][1],
        details={
            "copies": [
                {"provider": provider, "provider_file_id": file_id} for provider, file_id in copies
            ]
        },
    )
