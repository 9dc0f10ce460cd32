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
from cloud.llm.files import (
    FileUpload,
    Processing,
    UploadedFile,
    file_path,
    in_utc,
    no_purpose,
    single_request,
)
from cloud.llm.multipart import file_form
from cloud.llm.questions import Question
from LLM.codec import Source, decode_answer
from LLM.exceptions import LLMAPIError
from LLM.types import OpenAIModel

PATH = "/files"

_EXAMPLE = "file_011CNha8iCJcU1wXNR6q4V8w"


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


class AnthropicFiles:
    """The file API of Anthropic."""

    def upload(self, file: FileSource, purpose: Any) -> FileUpload:
        """See `FileCodec.upload`."""
        no_purpose(purpose, "Anthropic")
        return FileUpload(single_request(PATH, file_form(file, {})), _read)

    def info(self, file_id: str) -> Question[UploadedFile]:
        """See `FileCodec.info`."""
        return Question("GET", f"{PATH}/{file_path(file_id, _EXAMPLE)}", _read)

    def state(self, file_id: str) -> Question[UploadedFile | Processing]:
        """See `FileCodec.state`; a file can be used at once."""
        return Question("GET", f"{PATH}/{file_path(file_id, _EXAMPLE)}", _read)

    def delete(self, file_id: str) -> Question[None]:
        """See `FileCodec.delete`."""
        return Question("DELETE", f"{PATH}/{file_path(file_id, _EXAMPLE)}", _read_deleted)

    def is_gone(self, refusal: LLMAPIError) -> bool:
        """See `FileCodec.is_gone`."""
        return refusal.status_code == 404


def _read(body: bytes, status: int, source: Source) -> UploadedFile:
    told = decode_answer(_FileMetadata, body, status, source)
    return UploadedFile(
        id=told.id,
        filename=told.filename,
        media_type=told.mime_type,
        size_bytes=told.size_bytes,
        created_at=in_utc(told.created_at),
        expires_at=in_utc(told.expires_at),
    )


def _read_deleted(body: bytes, status: int, source: Source) -> None:
    decode_answer(_DeletedFile, body, status, source)
