"""OpenAI's files. Pure.

Source: https://platform.openai.com/docs/api-reference/files
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from pydantic import Field

from cloud.llm.file_source import FileSource
from cloud.llm.files import FileUpload, UploadedFile, in_utc, single_request
from cloud.llm.plain_files import PATH, PlainFiles
from LLM.codec import Source, decode_answer
from LLM.exceptions import InvalidRequestError
from LLM.multipart import file_form
from LLM.types import OpenAIModel

#: What a file is for where the caller does not say: as input of any model.
DEFAULT_PURPOSE = "user_data"

_PURPOSE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class _FileObject(OpenAIModel):
    """What the API tells of a file."""

    id: str = Field(min_length=1)
    filename: str | None = None
    bytes: int | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None


class _Deleted(OpenAIModel):
    """The answer to a deletion."""

    deleted: bool


class OpenAIFiles(PlainFiles):
    """The file API of OpenAI and of those that have the same."""

    def __init__(self) -> None:
        super().__init__("file-abc123")

    def upload(self, file: FileSource, purpose: Any) -> FileUpload:
        """See `FileCodec.upload`."""
        purpose = DEFAULT_PURPOSE if purpose is None else purpose
        if not isinstance(purpose, str) or not _PURPOSE.fullmatch(purpose):
            raise InvalidRequestError(
                f"purpose is {purpose!r}; give one of OpenAI's, such as 'user_data' or 'batch'"
            )
        form = file_form(file, {"purpose": purpose})

        def read(body: bytes, status: int, source: Source) -> UploadedFile:
            told = decode_answer(_FileObject, body, status, source)
            return _file(told, file)

        return FileUpload(single_request(PATH, form), read)

    @staticmethod
    def read(body: bytes, status: int, source: Source) -> UploadedFile:
        """What an answer tells of a file."""
        return _file(decode_answer(_FileObject, body, status, source))

    @staticmethod
    def read_deleted(body: bytes, status: int, source: Source) -> None:
        """Read the answer to a deletion."""
        if not decode_answer(_Deleted, body, status, source).deleted:
            raise source.error("says that it has not deleted the file", status_code=status)


def _file(told: _FileObject, sent: FileSource | None = None) -> UploadedFile:
    """:param sent: what was uploaded, for what the answer does not tell."""
    return UploadedFile(
        id=told.id,
        filename=told.filename or (sent.filename if sent else None),
        media_type=sent.media_type if sent else None,
        size_bytes=sent.size_bytes if sent and told.bytes is None else told.bytes,
        created_at=in_utc(told.created_at),
        expires_at=in_utc(told.expires_at),
    )
