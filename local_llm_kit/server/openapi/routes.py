"""The route of the document."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local_llm_kit.server.endpoints import Endpoint, json_response
from local_llm_kit.server.openapi.document import document


def routes() -> list[Route]:
    """The route, ready to be mounted."""
    return [Route("/openapi.json", Endpoint(_Document()), methods=["GET"])]


class _Document:
    async def __call__(self, request: Request) -> Response:
        return json_response(document())
