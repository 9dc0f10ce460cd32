"""Anthropic's files. Pure.

They have left beta: the official SDK (2.12) sends no ``anthropic-beta`` with them, nor with chats
that refer to them. An older server that wants it gets it from the client's `headers`.

Source: https://platform.claude.com/docs/en/api/files
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from cloud.llm.file_source import FileSource
from cloud.llm.files import FileUpload, UploadedFile, in_utc, no_purpose, single_request
from cloud.llm.plain_files import PATH, PlainFiles
from LLM.codec import Source, decode_answer
from LLM.multipart import file_form
from LLM.types import OpenAIModel


class _FileMetadata(OpenAIModel):
    """What the API tells of a file."""

    id: str = Field(min_length=1)
    filename: str | None = None
    mime_type: str | None = None
    size_bytes: int | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None


class _DeletedFile(OpenAIModel):
    """The answer to a deletion."""

    id: str
    type: Literal["file_deleted"] | None = None


class AnthropicFiles(PlainFiles):
    """The file API of Anthropic."""

    def __init__(self) -> None:
        super().__init__("file_011CNha8iCJcU1wXNR6q4V8w")

    def upload(self, file: FileSource, purpose: Any) -> FileUpload:
        """See `FileCodec.upload`."""
        no_purpose(purpose, "Anthropic")
        return FileUpload(single_request(PATH, file_form(file, {})), self.read)

    @staticmethod
    def read(body: bytes, status: int, source: Source) -> UploadedFile:
        """What an answer tells of a file."""
        told = decode_answer(_FileMetadata, body, status, source)
        return UploadedFile(
            id=told.id,
            filename=told.filename,
            media_type=told.mime_type,
            size_bytes=told.size_bytes,
            created_at=in_utc(told.created_at),
            expires_at=in_utc(told.expires_at),
        )

    @staticmethod
    def read_deleted(body: bytes, status: int, source: Source) -> None:
        """Read the answer to a deletion."""
        decode_answer(_DeletedFile, body, status, source)
