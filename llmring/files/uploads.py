"""One file's copy at one provider: made, judged, deleted."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, cast

from LLM.exceptions import InvalidRequestError, LLMError
from llmring.exceptions import FileProcessingError, FileSizeError
from llmring.files.hashed import HashedStream
from llmring.files.reading import changed, open_file
from llmring.files.rules import FileRules
from llmring.providers.base import BaseLLMProvider
from llmring.schemas import FileUploadResponse

#: A copy that the provider deletes within this time is made anew: the call may need it so long.
_MARGIN = timedelta(minutes=10)

#: Statuses that say so of a file; Google has no 404 for it.
_GONE = frozenset({403, 404, 410})


@dataclass(frozen=True, slots=True)
class Copy:
    """A file's copy at a provider.

    :param media_type: as which it was uploaded.
    :param content_hash: SHA-256, in hexadecimal, of what was sent.
    """

    provider: BaseLLMProvider
    media_type: str
    content_hash: str
    response: FileUploadResponse

    def serves(self, provider: BaseLLMProvider, media_type: str) -> bool:
        """Whether it is at that very provider, with that key, and will be for a while yet."""
        # One that was registered anew under the name may have another key, which sees other files.
        is_there = self.provider is provider and self.media_type == media_type
        return is_there and not self._expires_within(_MARGIN)

    async def delete(self) -> None:
        """Delete it; one that is gone already is no matter.

        :raises LLMError: it could not be.
        """
        if not self._expires_within(timedelta(0)):
            await self.provider.delete_file(self.response.file_id)

    async def is_gone(self) -> bool:
        """Whether the provider says that it has none such; not if it cannot be asked."""
        try:
            await self.provider.get_file(self.response.file_id)
        except LLMError as err:
            return err.status_code in _GONE
        return False

    def _expires_within(self, margin: timedelta) -> bool:
        expires_at = self.response.metadata.get("expires_at")
        return (
            expires_at is not None
            and datetime.fromisoformat(expires_at) <= datetime.now(UTC) + margin
        )


def hash_of(path: str) -> str:
    """SHA-256 of a file's content, in hexadecimal; takes 2 s a gigabyte.

    :raises FileProcessingError: it may not or cannot be read.
    :raises FileSizeError: it is too large.
    """
    with open_file(path, FileRules.read()) as file:
        return file.sha256()


async def upload(
    path: str,
    media_type: str,
    content_hash: str,
    provider: BaseLLMProvider,
    max_size_bytes: int | None,
) -> Copy:
    """Upload a file.

    :param content_hash: what is sent is what has this hash, or nothing.
    :param max_size_bytes: the largest file that the provider keeps.
    :raises FileProcessingError: it may not or cannot be read, or has changed since.
    :raises FileSizeError: it is too large.
    :raises LLMError: the provider refuses it, or cannot be reached.
    """
    with open_file(path, FileRules.read()) as file:
        check_size(file.path, file.size_bytes, provider.name, max_size_bytes)
        with contextlib.closing(HashedStream(file, content_hash)) as stream:
            try:
                response = await provider.upload_file(
                    cast(BinaryIO, stream), filename=file.name, media_type=media_type
                )
            except InvalidRequestError as err:
                if stream.changed:
                    raise changed(file.path) from err
                if err.status_code is None:  # nobody has answered: the trouble is here
                    raise FileProcessingError(f"{file.path} is not sent: {err.message}") from err
                raise
    return Copy(provider, media_type, content_hash, response)


def check_size(shown: str, size_bytes: int, provider: str, max_size_bytes: int | None) -> None:
    """:raises FileSizeError: a file is larger than its provider keeps."""
    if max_size_bytes is not None and size_bytes > max_size_bytes:
        raise FileSizeError(
            f"{shown} has {size_bytes:,} bytes, and {provider!r} keeps files of at most "
            f"{max_size_bytes:,}; split it, or ask a model of another provider"
        )
