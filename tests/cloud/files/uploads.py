"""Both twins of each client's file methods behind one face, and providers as they answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

import cloud.llm
from cloud import close_all_cloud_clients
from cloud.llm.files import UploadedFile
from LLM.transport import close_shared_pools
from tests.remote import wire
from tests.remote.scripted_server import Request, Script

KEY = "sk-SECRET0123456789abcdefghijklmnopqrstuvwxyz"
PDF = b"%PDF-1.7\r\n--not-a-boundary\r\n\x00\xff"
PROVIDERS = ("OpenAICompat", "Anthropic", "Gemini")
PATHS = {
    "OpenAICompat": "/v1/files",
    "Anthropic": "/v1/files",
    "Gemini": "/upload/v1beta/files",
}

_CREATED = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
_EXPIRES = datetime(2026, 11, 3, 12, 30, tzinfo=UTC)
_UPLOADED: dict[str, UploadedFile] = {
    "OpenAICompat": UploadedFile(
        "file-1", "a.pdf", "application/pdf", len(PDF), _CREATED, _EXPIRES
    ),
    "Anthropic": UploadedFile("file_1", "a.pdf", "application/pdf", len(PDF), _CREATED, _EXPIRES),
    "Gemini": UploadedFile(
        "files/abc",
        "a.pdf",
        "application/pdf",
        len(PDF),
        _CREATED,
        _EXPIRES,
        "https://generativelanguage.googleapis.com/v1beta/files/abc",
    ),
}
#: What each provider tells of that file.
TOLD: dict[str, dict[str, Any]] = {
    "OpenAICompat": {
        "id": "file-1",
        "object": "file",
        "bytes": len(PDF),
        "created_at": int(_CREATED.timestamp()),
        "expires_at": int(_EXPIRES.timestamp()),
        "filename": "a.pdf",
        "purpose": "user_data",
        "status": "processed",
    },
    "Anthropic": {
        "id": "file_1",
        "type": "file",
        "filename": "a.pdf",
        "mime_type": "application/pdf",
        "size_bytes": len(PDF),
        "created_at": "2026-11-01T12:30:00Z",
        "expires_at": "2026-11-03T12:30:00Z",
        "downloadable": False,
    },
    "Gemini": {
        "name": "files/abc",
        "displayName": "a.pdf",
        "mimeType": "application/pdf",
        "sizeBytes": str(len(PDF)),
        "createTime": "2026-11-01T12:30:00Z",
        "expirationTime": "2026-11-03T12:30:00Z",
        "sha256Hash": "ZZ==",
        "uri": "https://generativelanguage.googleapis.com/v1beta/files/abc",
        "state": "ACTIVE",
        "source": "UPLOADED",
    },
}


def uploaded(provider: str) -> UploadedFile:
    return _UPLOADED[provider]


def google_upload_url(request: Request) -> str:
    return f"http://{request.headers['host']}/upload/v1beta/files?upload_id=a%2Fb&x=1"


def accepted(provider: str, told: dict[str, Any] | None = None) -> Script:
    """A server that takes files.

    :param told: what it tells of them.
    """
    told = TOLD[provider] if told is None else told
    if provider != "Gemini":
        return wire.answer(told)

    def script(request: Request) -> bytes:
        command = request.headers.get("x-goog-upload-command")
        if command == "start":
            return wire.answer({}, headers=[("X-Goog-Upload-URL", google_upload_url(request))])
        if command:
            return wire.answer({"file": told}, headers=[("X-Goog-Upload-Status", "final")])
        return wire.answer(told)

    return script


def content_of(request: Request) -> bytes:
    """The file in a request: the body's own, or a form's last field."""
    kind = request.headers["content-type"]
    return request.body if "boundary=" not in kind else form_of(request)[-1][1]


def form_of(request: Request) -> list[tuple[dict[str, str], bytes]]:
    """The headers and the content of each field of a form."""
    boundary = request.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    before, *fields, end = (b"\r\n" + request.body).split(b"\r\n--" + boundary)
    assert (before, end) == (b"", b"--\r\n")
    found = []
    for field in fields:
        head, _, content = field.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().split("\r\n")]
        found.append(({name.lower(): value for name, _, value in lines}, content))
    return found


def started(request: Request) -> dict[str, Any]:
    """What Google is told before an upload."""
    facts: dict[str, Any] = json.loads(request.body)["file"]
    return facts


def blocking(provider: str, method: str, *args: Any, client: Any = (), **kwargs: Any) -> Any:
    """The outcome of one method of a client.

    :param client: settings of the client.
    """
    asked = getattr(cloud.llm, f"{provider}Client")(api_key=KEY, **dict(client))
    try:
        return getattr(asked, method)(*args, **kwargs)
    finally:
        close_shared_pools()


def coroutine(provider: str, method: str, *args: Any, client: Any = (), **kwargs: Any) -> Any:
    """The twin of `blocking`."""

    async def run() -> Any:
        asked = getattr(cloud.llm, f"Async{provider}Client")(api_key=KEY, **dict(client))
        try:
            return await getattr(asked, method)(*args, **kwargs)
        finally:
            await close_all_cloud_clients()

    return asyncio.run(run())


Twin = Callable[..., Any]
both_twins = pytest.mark.parametrize("twin", [blocking, coroutine], ids=["blocking", "async"])
every_provider = pytest.mark.parametrize("provider", PROVIDERS)
