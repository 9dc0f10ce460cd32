"""The routes of OpenAI's Responses API."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from pydantic_core import from_json, to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from LLM.exceptions import InvalidRequestError
from local_llm_kit.arguments import ChatArguments, parse_chat
from local_llm_kit.backends import Backend, Job, JSONObject
from local_llm_kit.fields import invalid, unsupported
from local_llm_kit.server.departures import unless_gone
from local_llm_kit.server.endpoints import Endpoint, Generation, json_response, read_beside
from local_llm_kit.server.headers import ignored_header
from local_llm_kit.server.owners import owner_of
from local_llm_kit.server.pages import page_of
from local_llm_kit.server.prompt_tokens import count_prompt
from local_llm_kit.server.responses.background import Background
from local_llm_kit.server.responses.conversation import chat_messages
from local_llm_kit.server.responses.items import MAX_ITEMS, read_input
from local_llm_kit.server.responses.names import own_names
from local_llm_kit.server.responses.request import ResponseRequest, parse_response
from local_llm_kit.server.responses.shape import ResponseShape
from local_llm_kit.server.responses.store import Kept, ResponseStore
from local_llm_kit.server.service import Ask, Service

#: Most bytes of a conversation that is gone on with, as JSON.
MAX_CONVERSATION_BYTES = 16 << 20
#: And of one in the background, of which many may wait in memory with nobody holding a connection.
MAX_BACKGROUND_BYTES = 1 << 20


def routes(service: Service) -> list[Route]:
    """The routes, ready to be mounted."""
    responses = _Responses(service)
    return [
        Route("/v1/responses", Endpoint(responses.create), methods=["POST"]),
        Route("/v1/responses/input_tokens", Endpoint(responses.count), methods=["POST"]),
        Route("/v1/responses/{id}", Endpoint(responses.retrieve), methods=["GET"]),
        Route("/v1/responses/{id}", Endpoint(responses.delete), methods=["DELETE"]),
        Route("/v1/responses/{id}/cancel", Endpoint(responses.cancel), methods=["POST"]),
        Route("/v1/responses/{id}/input_items", Endpoint(responses.input_items), methods=["GET"]),
    ]


class _Responses:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._store = ResponseStore()
        self._background = Background(service)

    async def create(self, request: Request) -> ASGIApp:
        generation = Generation(self._service, partial(self._read, owner_of(request.scope)))
        ask, is_slow = await generation.read(request)
        assert isinstance(ask.shape, ResponseShape)
        if not ask.shape.is_background:
            return await generation.answer(request, ask, is_slow)
        queued = self._background.start(ask, ask.shape)
        return json_response(queued, ask.headers)

    async def count(self, request: Request) -> Response:
        read = partial(self._counted, owner_of(request.scope))
        arguments, ignored = await read_beside(self._service, request, read)
        work = self._service.with_model(
            arguments.model, lambda model: count_prompt(model, arguments)
        )
        with own_names():
            n_tokens = await unless_gone(request.receive, work)
        answer = {"object": "response.input_tokens", "input_tokens": n_tokens}
        return json_response(answer, ignored_header(ignored))

    async def retrieve(self, request: Request) -> Response:
        kept = self._kept(request)
        if request.query_params.get("stream") == "true":
            raise unsupported("stream", "a response that is kept is not streamed; leave stream out")
        return Response(kept.response, media_type="application/json")

    async def delete(self, request: Request) -> Response:
        response_id: str = request.path_params["id"]
        self._kept(request)
        await self._background.cancel(response_id)
        self._store.delete(response_id, owner_of(request.scope))
        return json_response({"id": response_id, "object": "response", "deleted": True})

    async def cancel(self, request: Request) -> Response:
        response_id: str = request.path_params["id"]
        kept = self._kept(request)
        if not kept.is_background:
            raise invalid("id", "only a response in the background can be cancelled")
        await self._background.cancel(response_id)
        return Response(self._kept(request).response, media_type="application/json")

    async def input_items(self, request: Request) -> Response:
        kept = self._kept(request)
        query = request.query_params
        found = await self._service.beside(kept.input_items)
        items = {item["id"]: item for item in found}
        if "after" in query and query["after"] not in items:
            raise invalid(
                "after", f"there is no item {query['after'][:80]!r} in the response's input"
            )
        return json_response(page_of([*items], query, items.__getitem__, order="desc", least=1))

    def _kept(self, request: Request) -> Kept:
        """The response of a request's path."""
        response_id: str = request.path_params["id"]
        kept = self._store.get(response_id, owner_of(request.scope))
        if kept is None:
            raise _not_kept(response_id, None, "response_not_found")
        return kept

    def _read(self, owner: int, body: JSONObject) -> Ask:
        """What a body asks for. May be called on any thread."""
        wanted = parse_response(body, self._service.catalog.defaults)
        items = self._conversation(owner, wanted)
        if wanted.background and len(to_json(items)) > MAX_BACKGROUND_BYTES:
            raise invalid(
                "background",
                f"the conversation is larger than {MAX_BACKGROUND_BYTES:,} bytes, which is most in "
                "the background; wait for the answer",
            )

        def keep(response: JSONObject) -> None:
            if wanted.store:
                self._store.put(response, items, owner)

        shape = ResponseShape(wanted.echo, wanted.model or self._service.models.own, keep)
        fields = _with_messages(wanted, items)
        with own_names():
            ask = self._service.chat(fields, shape, wanted.ignored)

        def prepare(model: Backend) -> Job:
            shape.model = model.info.name
            with own_names():
                return ask.prepare(model)

        return replace(ask, prepare=prepare, stream=wanted.stream)

    def _counted(self, owner: int, body: JSONObject) -> tuple[ChatArguments, tuple[str, ...]]:
        wanted = parse_response(body, self._service.catalog.defaults)
        fields = _with_messages(wanted, self._conversation(owner, wanted))
        with own_names():
            return parse_chat(fields, self._service.catalog.defaults), wanted.ignored

    def _conversation(self, owner: int, wanted: ResponseRequest) -> list[JSONObject]:
        """The items of the earlier turns and of this one."""
        kept = None if wanted.previous_id is None else self._previous(owner, wanted.previous_id)
        n_bytes = 0 if kept is None else sum(map(len, kept.conversation))
        _check_size("previous_response_id", n_bytes)

        def find(item_id: str) -> JSONObject | None:
            # A few letters name an item of any size, and may do so thousands of times.
            nonlocal n_bytes
            item = self._store.item(item_id, owner)
            n_bytes += 0 if item is None else len(item)
            _check_size("input", n_bytes)
            return None if item is None else from_json(item)

        before = [] if kept is None else kept.all_items()
        items = [*before, *read_input(wanted.input, find)]
        if len(items) > MAX_ITEMS:
            raise invalid(
                "input", f"the conversation has {len(items)} items; at most {MAX_ITEMS:,} are read"
            )
        return items

    def _previous(self, owner: int, response_id: str) -> Kept:
        """The response to go on from."""
        kept = self._store.get(response_id, owner)
        if kept is None:
            raise _not_kept(response_id, "previous_response_id", "previous_response_not_found")
        if kept.status not in ("completed", "incomplete"):
            raise invalid(
                "previous_response_id",
                f"the response {response_id!r} is {kept.status}; go on from one that has ended",
            )
        return kept


def _check_size(param: str, n_bytes: int) -> None:
    if n_bytes > MAX_CONVERSATION_BYTES:
        raise invalid(
            param,
            f"the conversation is larger than {MAX_CONVERSATION_BYTES:,} bytes; begin another",
        )


def _not_kept(response_id: str, param: str | None, code: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"there is no response {response_id[:80]!r} here; it was never stored, was deleted, or "
        "made room for newer ones",
        status_code=404,
        body={"param": param},
        code=code,
    )


def _with_messages(wanted: ResponseRequest, items: list[JSONObject]) -> JSONObject:
    return wanted.fields | {"messages": chat_messages(items, wanted.instructions)}
