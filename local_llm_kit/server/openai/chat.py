"""Chat completions: made, and kept where the client asks for it with `store`.

Source: OpenAI's API reference, ``/v1/chat/completions`` and ``/v1/chat/completions/{id}``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from LLM.assembly import ChatAssembler
from LLM.exceptions import InvalidRequestError
from LLM.types import ChatCompletionChunk, ChatCompletionResponse
from local_llm_kit.backends import Backend, Growing, Job, JSONObject
from local_llm_kit.fields import Fields
from local_llm_kit.server.endpoints import Endpoint, Generation, json_body, json_response
from local_llm_kit.server.metadata import checked_metadata
from local_llm_kit.server.openai.store import CompletionStore, KeptCompletion
from local_llm_kit.server.owners import owner_of
from local_llm_kit.server.pages import page_of
from local_llm_kit.server.service import Ask, Service
from local_llm_kit.server.shapes import OpenAIShape


def chat_routes(service: Service) -> list[Route]:
    """The routes, ready to be mounted."""
    chats = _Chats(service)
    path = "/v1/chat/completions"
    return [
        Route(path, Endpoint(chats.create), methods=["POST"]),
        Route(path, Endpoint(chats.list), methods=["GET"]),
        Route(f"{path}/{{id}}", Endpoint(chats.retrieve), methods=["GET"]),
        Route(f"{path}/{{id}}", Endpoint(chats.update), methods=["POST"]),
        Route(f"{path}/{{id}}", Endpoint(chats.delete), methods=["DELETE"]),
        Route(f"{path}/{{id}}/messages", Endpoint(chats.messages), methods=["GET"]),
    ]


class KeepingShape(OpenAIShape):
    """Tells an answer and keeps it once it is complete; one that was left is not.

    :param keep: takes the whole answer.
    :ivar answer: the answer that is told; set before it is started.
    """

    answer: Growing

    def __init__(self, keep: Callable[[JSONObject], None]) -> None:
        self._keep = keep
        self._assembler = ChatAssembler()

    def whole(self, answer: JSONObject) -> JSONObject:
        """The answer itself."""
        self._keep_complete(answer)
        return answer

    def chunks(self, chunks: Sequence[JSONObject]) -> bytes:
        """An event a chunk."""
        for chunk in chunks:
            self._assembler.add(ChatCompletionChunk.model_validate(chunk))
        return super().chunks(chunks)

    def end(self) -> bytes:
        """The mark of the end."""
        whole = self._assembler.response()
        if whole is not None:
            self._keep_complete(_as_whole(whole) | {"usage": self.answer.usage()})
        return super().end()

    def _keep_complete(self, answer: JSONObject) -> None:
        if all(choice["finish_reason"] != "cancelled" for choice in answer["choices"]):
            self._keep(answer)


def _as_whole(assembled: ChatCompletionResponse) -> JSONObject:
    """An assembled answer with the nulls that a whole one has, and no others."""
    told = assembled.model_dump(mode="json", exclude_none=True)
    for choice in told["choices"]:
        choice["message"] = {"content": None, "refusal": None} | choice["message"]
        scores = choice.get("logprobs")
        choice["logprobs"] = scores and {"content": None, "refusal": None} | scores
    return told


class _Chats:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._store = CompletionStore()

    async def create(self, request: Request) -> ASGIApp:
        read = partial(self._read, owner_of(request.scope))
        return await Generation(self._service, read)(request)

    def _read(self, owner: int, body: JSONObject) -> Ask:
        """What a body asks for. May be called on any thread."""
        store = body.get("store")
        if store is False:
            return self._service.chat({**body, "store": None}, OpenAIShape())
        if store is not True:
            return self._service.chat(body, OpenAIShape())
        metadata = checked_metadata(body.get("metadata"))
        fields = {**body, "store": None, "metadata": None}

        def keep(answer: JSONObject) -> None:
            self._store.put(answer, body.get("messages"), metadata, owner)

        shape = KeepingShape(keep)
        ask = self._service.chat(fields, shape)

        def prepare(model: Backend) -> Job:
            job = ask.prepare(model)
            shape.answer = job.answer
            return job

        return replace(ask, prepare=prepare)

    async def list(self, request: Request) -> Response:
        query = request.query_params
        owner = owner_of(request.scope)
        found = self._store.matching(query.get("model"), _wanted_metadata(query), owner)
        page = await self._service.beside(
            lambda: page_of(list(found), query, lambda one: found[one].completion())
        )
        return json_response(page)

    async def retrieve(self, request: Request) -> Response:
        return json_response(self._found(request)[1].completion())

    async def update(self, request: Request) -> Response:
        completion_id, _ = self._found(request)
        fields = Fields(await json_body(request))
        metadata = checked_metadata(fields.take("metadata"))
        fields.done({})
        kept = self._store.annotate(completion_id, metadata)
        if kept is None:
            raise _not_kept(completion_id)
        return json_response(kept.completion())

    async def delete(self, request: Request) -> Response:
        completion_id, _ = self._found(request)
        self._store.delete(completion_id)
        return json_response(
            {"object": "chat.completion.deleted", "id": completion_id, "deleted": True}
        )

    async def messages(self, request: Request) -> Response:
        completion_id, kept = self._found(request)
        query = request.query_params
        # They may be as large as a body, and are read where large bodies are.
        page = await self._service.beside(lambda: _message_page(completion_id, kept, query))
        return json_response(page)

    def _found(self, request: Request) -> tuple[str, KeptCompletion]:
        completion_id: str = request.path_params["id"]
        kept = self._store.get(completion_id, owner_of(request.scope))
        if kept is None:
            raise _not_kept(completion_id)
        return completion_id, kept


def _wanted_metadata(query: Mapping[str, str]) -> dict[str, str]:
    """The notes that a list is asked for, as the SDK writes them: ``metadata[key]=text``."""
    begin = "metadata["
    return {
        name[len(begin) : -1]: value
        for name, value in query.items()
        if name.startswith(begin) and name.endswith("]")
    }


def _message_page(completion_id: str, kept: KeptCompletion, query: Mapping[str, str]) -> JSONObject:
    messages = from_json(kept.messages)
    sent = {f"{completion_id}-{i}": message for i, message in enumerate(messages)}
    return page_of(list(sent), query, lambda one: {"id": one, **_told(sent[one])})


def _told(message: JSONObject) -> JSONObject:
    """A message that was sent, as a list of messages has it: its parts are apart from its text."""
    content = message.get("content")
    parts = content if isinstance(content, list) else None
    return {"refusal": None, **message, "content": None if parts else content,
            "content_parts": parts}  # fmt: skip


def _not_kept(completion_id: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"there is no chat completion {completion_id[:80]!r} here; it was made without store, was "
        "deleted, or made room for newer ones",
        status_code=404,
        body={"param": None},
        code="completion_not_found",
    )
