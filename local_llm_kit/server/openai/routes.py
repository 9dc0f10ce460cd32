"""The routes of OpenAI's API that answer in the engine's own shape."""

from __future__ import annotations

import time
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local_llm_kit.backends import JSONObject
from local_llm_kit.decisions import parse_decision
from local_llm_kit.embeddings import parse_embeddings
from local_llm_kit.server import anthropic
from local_llm_kit.server.departures import unless_gone
from local_llm_kit.server.endpoints import Endpoint, Generation, json_response, read_beside
from local_llm_kit.server.headers import ignored_header
from local_llm_kit.server.openai.chat import chat_routes
from local_llm_kit.server.service import Ask, Service
from local_llm_kit.server.shapes import OpenAIShape


def routes(service: Service) -> list[Route]:
    """The routes, ready to be mounted."""
    models = _Models(service)
    return [
        *chat_routes(service),
        Route(
            "/v1/completions",
            Endpoint(Generation(service, lambda body: service.completion(body, OpenAIShape()))),
            methods=["POST"],
        ),
        Route("/v1/decisions", Endpoint(Generation(service, _read_decision)), methods=["POST"]),
        Route("/v1/embeddings", Endpoint(partial(_embeddings, service)), methods=["POST"]),
        Route("/v1/models", Endpoint(models.list), methods=["GET"]),
        Route("/v1/models/{name:path}", Endpoint(models.retrieve), methods=["GET"]),
    ]


def _read_decision(body: JSONObject) -> Ask:
    arguments = parse_decision(body)
    headers = ignored_header(arguments.ignored)
    return Ask(
        arguments.model, lambda model: model.decision(arguments), OpenAIShape(), False, headers
    )


async def _embeddings(service: Service, request: Request) -> Response:
    arguments = await read_beside(service, request, parse_embeddings)
    found = await unless_gone(request.receive, service.embeddings(arguments))
    return json_response(found, ignored_header(arguments.ignored))


class _Models:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._created = int(time.time())

    async def list(self, request: Request) -> Response:
        names = await self._service.beside(self._service.models.names)
        if anthropic.is_asked_by_anthropic(request):
            return json_response(anthropic.model_page(list(map(self._anthropic_card, names))))
        cards = [self._card(name) for name in names]
        return json_response({"object": "list", "data": cards})

    async def retrieve(self, request: Request) -> Response:
        name: str = request.path_params["name"]
        await self._service.beside(lambda: self._service.models.require(name))
        card = self._anthropic_card if anthropic.is_asked_by_anthropic(request) else self._card
        return json_response(card(name))

    def _anthropic_card(self, name: str) -> JSONObject:
        return anthropic.model_card(name, self._created, self._service.info(name))

    def _card(self, name: str) -> JSONObject:
        card = {"id": name, "object": "model", "created": self._created, "owned_by": "local"}
        info = self._service.info(name)
        if info is not None:
            card["context_length"] = info.context_length
            card["capabilities"] = list(info.capabilities)
        return card
