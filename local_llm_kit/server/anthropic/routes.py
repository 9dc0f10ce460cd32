"""The routes of the Messages API."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local_llm_kit.arguments import ChatArguments, parse_chat
from local_llm_kit.backends import JSONObject
from local_llm_kit.server.anthropic.events import MessageEvents
from local_llm_kit.server.anthropic.request import parse_count, parse_message
from local_llm_kit.server.anthropic.shape import StreamedMessage, WholeMessage
from local_llm_kit.server.departures import unless_gone
from local_llm_kit.server.endpoints import Endpoint, Generation, json_response, read_beside
from local_llm_kit.server.headers import ignored_header
from local_llm_kit.server.prompt_tokens import count_prompt
from local_llm_kit.server.service import Ask, Service


def routes(service: Service) -> list[Route]:
    """The routes, ready to be mounted."""
    messages = _Messages(service)
    return [
        Route("/v1/messages", Endpoint(Generation(service, messages.read)), methods=["POST"]),
        Route("/v1/messages/count_tokens", Endpoint(messages.count), methods=["POST"]),
    ]


class _Messages:
    def __init__(self, service: Service) -> None:
        self._service = service

    def read(self, body: JSONObject) -> Ask:
        """What a request asks for."""
        asked = parse_message(body)
        events = MessageEvents(asked.fields["max_tokens"], asked.thinking.is_shown)
        shape = StreamedMessage(events) if asked.stream else WholeMessage(events)
        ask = self._service.chat(asked.fields, shape, asked.ignored, think=asked.thinking.wanted)
        return replace(ask, stream=asked.stream)

    async def count(self, request: Request) -> Response:
        """How many tokens a request's prompt has."""
        arguments, ignored = await read_beside(self._service, request, self._counted)
        work = self._service.with_model(
            arguments.model, lambda model: count_prompt(model, arguments)
        )
        n_tokens = await unless_gone(request.receive, work)
        return json_response({"input_tokens": n_tokens}, ignored_header(ignored))

    def _counted(self, body: JSONObject) -> tuple[ChatArguments, tuple[str, ...]]:
        asked = parse_count(body)
        return parse_chat(asked.fields, self._service.catalog.defaults), asked.ignored
