"""Google's files: a resumable upload, begun by one request and made by a second. Pure.

The address of the second comes with the answer to the first. It is used only where it is of the
client's own origin: the key goes with it.

Source: https://ai.google.dev/api/files
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

from cloud.llm.file_source import FileSource
from cloud.llm.files import (
    FileRequest,
    FileUpload,
    Processing,
    UploadedFile,
    file_path,
    in_utc,
    no_purpose,
)
from cloud.llm.gemini.wire import Empty, File, UploadAnswer
from cloud.llm.questions import Question
from LLM.answer import Answer
from LLM.codec import Source, decode_answer, encode_body
from LLM.endpoint import names_version
from LLM.exceptions import InvalidRequestError, LLMAPIError
from LLM.upload import StreamedBody

_EXAMPLE = "files/abc-123"
_MAX_NAME_CHARS = 512
_URL_CHARS = re.compile(r"[!-~]+")
_PORTS = {"http": 80, "https": 443}


class GeminiFiles:
    """The file API of Google.

    :param api_root: the client's address, version and all.
    """

    def __init__(self, api_root: str) -> None:
        self._start = _start_address(api_root)
        parts = urlsplit(api_root)
        self._origin = f"{parts.scheme}://{parts.netloc}"

    def upload(self, file: FileSource, purpose: Any) -> FileUpload:
        """See `FileCodec.upload`."""
        no_purpose(purpose, "Google")
        if file.known_type is None:
            raise InvalidRequestError(
                f"the type of {file.filename!r} is unknown, and Google takes none of that kind; "
                "give media_type, such as 'text/plain'"
            )
        if len(file.filename) > _MAX_NAME_CHARS:
            raise InvalidRequestError(
                f"filename has {len(file.filename):,} characters, and Google takes "
                f"{_MAX_NAME_CHARS}; give a shorter one"
            )
        content = StreamedBody(file.pieces, file.size_bytes, file.media_type)

        def requests(source: Source) -> Generator[FileRequest, Answer, None]:
            answer = yield self._beginning(file)
            target = self._target(answer, source)
            answer = yield FileRequest(
                target,
                content,
                {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"},
            )
            found = answer.headers.get("x-goog-upload-status", "final")
            if found != "final":
                raise source.error(
                    f"has taken the upload of {file.filename!r}, but says that it is {found!r}, "
                    "not 'final'; upload it again",
                    status_code=answer.status,
                )

        return FileUpload(requests, _read_uploaded)

    def info(self, file_id: str) -> Question[UploadedFile]:
        """See `FileCodec.info`."""
        return Question("GET", _path(file_id), _read)

    def state(self, file_id: str) -> Question[UploadedFile | Processing]:
        """See `FileCodec.state`."""
        return Question("GET", _path(file_id), _read_state)

    def delete(self, file_id: str) -> Question[None]:
        """See `FileCodec.delete`."""
        return Question("DELETE", _path(file_id), _read_deleted)

    def is_gone(self, refusal: LLMAPIError) -> bool:
        """See `FileCodec.is_gone`.

        Google tells nobody whether an id is another's or no one's.
        Source: https://github.com/googleapis/python-genai/issues/1218
        """
        unknown = refusal.status_code == 403 and "may not exist" in refusal.message
        return unknown or refusal.status_code == 404

    def _beginning(self, file: FileSource) -> FileRequest:
        # Spelled as the official SDK does (3.4); proto3's JSON takes either spelling.
        facts = {
            "display_name": file.filename,
            "mime_type": file.media_type,
            "size_bytes": file.size_bytes,
        }
        headers = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(file.size_bytes),
            "X-Goog-Upload-Header-Content-Type": file.media_type,
        }
        return FileRequest(self._start, encode_body({"file": facts}), headers)

    def _target(self, answer: Answer, source: Source) -> str:
        """The address that takes the content.

        :raises LLMResponseError: it is missing, or of another origin.
        """
        url = answer.headers.get("x-goog-upload-url", "")
        if not url:
            raise source.error(
                "began an upload without telling where to (X-Goog-Upload-URL); check base_url",
                status_code=answer.status,
            )
        found = _origin_of(url)
        if found is None or found != _origin_of(self._origin):
            raise source.error(
                "wants the upload at another origin than its own, which was refused, since the "
                "key would go with it; check base_url",
                status_code=answer.status,
            )
        parts = urlsplit(url)
        return f"{self._origin}{parts.path or '/'}?{parts.query}"


def _start_address(api_root: str) -> str:
    """Where uploads begin: as the API's address, with ``upload`` before the version."""
    parts = urlsplit(api_root)
    segments = parts.path.split("/")
    at = next(i for i, segment in enumerate(segments) if names_version(f"http://host/{segment}"))
    path = "/".join([*segments[:at], "upload", *segments[at:]])
    return f"{parts.scheme}://{parts.netloc}{path}/files"


def _origin_of(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port; None where it is no address."""
    if not _URL_CHARS.fullmatch(url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return parts.scheme, parts.hostname or "", port


def _path(file_id: Any) -> str:
    bare = file_id.removeprefix("files/") if isinstance(file_id, str) else file_id
    return f"/files/{file_path(bare, _EXAMPLE)}"


def _read_uploaded(body: bytes, status: int, source: Source) -> UploadedFile | Processing:
    return _usable(decode_answer(UploadAnswer, body, status, source).file, source)


def _read_state(body: bytes, status: int, source: Source) -> UploadedFile | Processing:
    return _usable(decode_answer(File, body, status, source), source)


def _read(body: bytes, status: int, source: Source) -> UploadedFile:
    return _file(decode_answer(File, body, status, source))


def _read_deleted(body: bytes, status: int, source: Source) -> None:
    decode_answer(Empty, body, status, source)


def _usable(told: File, source: Source) -> UploadedFile | Processing:
    """:raises InvalidRequestError: the file is there, but Google could not read it."""
    if told.state == "PROCESSING":
        return Processing(told.name)
    if told.state == "FAILED":
        reason = (told.error or {}).get("message") or "no reason given"
        failure = InvalidRequestError(
            f"{source.provider} could not read {told.name!r}: {reason}; check the file and its "
            "media_type",
            code="file_failed",
        )
        source.complete(failure)
        raise failure
    return _file(told)


def _file(told: File) -> UploadedFile:
    return UploadedFile(
        id=told.name,
        filename=told.display_name,
        media_type=told.mime_type,
        size_bytes=told.size_bytes,
        created_at=in_utc(told.create_time),
        expires_at=in_utc(told.expiration_time),
        uri=told.uri,
    )
