"""What a provider tells of a file that it keeps, in the ring's words. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cloud.llm.files import UploadedFile
from llmring.schemas import FileMetadata, FileUploadResponse


def upload_response(
    file: UploadedFile, provider: str, purpose: str | None = None
) -> FileUploadResponse:
    """What an upload gave."""
    return FileUploadResponse(purpose=purpose, **_fields(file, provider))


def file_metadata(file: UploadedFile, provider: str) -> FileMetadata:
    """What is known of a file."""
    is_over = file.expires_at is not None and file.expires_at <= datetime.now(UTC)
    return FileMetadata(status="expired" if is_over else "ready", **_fields(file, provider))


def _fields(file: UploadedFile, provider: str) -> dict[str, Any]:
    facts = {
        "media_type": file.media_type,
        "expires_at": file.expires_at.isoformat() if file.expires_at else None,
        "uri": file.uri,
    }
    return {
        "file_id": file.id,
        "provider": provider,
        "filename": file.filename,
        "size_bytes": file.size_bytes or 0,
        "created_at": file.created_at or datetime.now(UTC),
        "metadata": {name: value for name, value in facts.items() if value is not None},
    }
