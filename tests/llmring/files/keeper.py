"""A server that keeps files as OpenAI, Anthropic and Google do, and answers chats about them."""

from __future__ import annotations

import email.parser
import email.policy
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.llmring.seeds import providers
from tests.llmring.seeds.world import World
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer

CREATED = "2026-11-22T04:00:00Z"
#: An Anthropic key is in a header of its own.
_ANTHROPIC_KEY = "x-api-key"


@dataclass
class KeptFile:
    """A file as it arrived."""

    provider: str
    id: str
    name: str
    media_type: str
    data: bytes
    expires: str | None = None


@dataclass
class Keeper:
    """What the server keeps and has deleted; `world` tells of its chats.

    :param on_upload: is called with each upload before it is answered.
    :param refusals: answers for paths that match, in place of the usual ones.
    :param expires: when Google's copies end.
    """

    files: dict[str, KeptFile] = field(default_factory=dict)
    uploads: list[KeptFile] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    on_upload: Callable[[KeptFile], None] = lambda _: None
    refusals: dict[str, bytes] = field(default_factory=dict)
    expires: str = "2026-11-24T04:00:00Z"
    _begun: dict[str, Any] = field(default_factory=dict)
    world: World = None  # type: ignore[assignment]  # set when it serves

    @property
    def ids(self) -> list[str]:
        return list(self.files)

    def parts(self, number: int = -1) -> list[Any]:
        """The parts of the user's turn in a chat."""
        _, body = self.world.asked()[number]
        turn = body.get("messages", body.get("contents", ()))[-1]
        parts: list[Any] = turn.get("content") or turn.get("parts")
        return parts

    def answer(self, request: Request) -> bytes:
        """What the providers answer."""
        if len(request.body) < int(request.headers.get("content-length", 0)):
            return b""  # the client has left in the middle, and nothing has happened
        path, _, query = request.path.partition("?")
        for pattern, refusal in self.refusals.items():
            if re.search(pattern, f"{request.method} {path}"):
                return refusal
        if path.startswith("/upload/"):
            return self._google_upload(request, query)
        if found := re.fullmatch(r"/v1(?:beta)?/(files/?.*)", path):
            return self._files_api(request, found[1])
        return providers.answer(request)

    def _keep(self, file: KeptFile) -> KeptFile:
        self.on_upload(file)
        self.files[file.id] = file
        self.uploads.append(file)
        return file

    def _files_api(self, request: Request, path: str) -> bytes:
        if request.method == "POST":
            return wire.answer(_told(self._keep(self._form(request))))
        file_id = path if request.path.startswith("/v1beta") else path.removeprefix("files/")
        if file_id not in self.files:
            status, message = (403, "it may not exist") if "/" in file_id else (404, "no such file")
            return wire.answer({"error": {"message": message, "type": "not_found_error"}}, status)
        if request.method == "GET":
            return wire.answer(_told(self.files[file_id]))
        self.deleted.append(file_id)
        kind = self.files.pop(file_id).provider
        return wire.answer({} if kind == "google" else {"id": file_id, "deleted": True,
                           "object": "file", "type": "file_deleted"})  # fmt: skip

    def _form(self, request: Request) -> KeptFile:
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        parser = email.parser.BytesParser(policy=email.policy.HTTP)
        parts = {
            part.get_param("name", header="content-disposition"): part
            for part in parser.parsebytes(head + request.body).iter_parts()
        }
        part = parts["file"]
        provider = "anthropic" if _ANTHROPIC_KEY in request.headers else "openai"
        number = len(self.uploads)
        return KeptFile(
            provider=provider,
            id=f"file-o{number}" if provider == "openai" else f"file_a{number}",
            name=str(part.get_filename()),
            media_type=part.get_content_type(),
            data=bytes(part.get_payload(decode=True)),
        )

    def _google_upload(self, request: Request, query: str) -> bytes:
        if not query:
            number = str(len(self._begun))
            facts = json.loads(request.body)["file"]  # Google takes names in either spelling
            self._begun[number] = {name.replace("_", "").lower(): facts[name] for name in facts}
            url = f"{self.world.server.url}/upload/v1beta/files?upload_id={number}"
            return wire.answer({}, headers=[("X-Goog-Upload-URL", url)])
        facts = self._begun[query.partition("=")[2]]
        name = f"files/g{len(self.uploads)}"
        kept = KeptFile(
            "google", name, facts["displayname"], facts["mimetype"], request.body, self.expires
        )
        done = [("X-Goog-Upload-Status", "final")]
        return wire.answer({"file": _told(self._keep(kept))}, headers=done)


def _told(file: KeptFile) -> dict[str, Any]:
    size = len(file.data)
    if file.provider == "openai":
        return {"id": file.id, "object": "file", "bytes": size, "filename": file.name,
                "purpose": "user_data", "created_at": 1_700_000_000}  # fmt: skip
    if file.provider == "anthropic":
        return {"id": file.id, "type": "file", "filename": file.name, "size_bytes": size,
                "mime_type": file.media_type, "created_at": CREATED}  # fmt: skip
    return {
        "name": file.id,
        "displayName": file.name,
        "mimeType": file.media_type,
        "sizeBytes": str(size),
        "createTime": CREATED,
        "expirationTime": file.expires,
        "uri": f"https://generativelanguage.googleapis.com/v1beta/{file.id}",
        "state": "ACTIVE",
    }


@contextmanager
def serving(keeper: Keeper) -> Iterator[Keeper]:
    with ScriptedServer((keeper.answer,)) as server:
        keeper.world = World(server)
        yield keeper
