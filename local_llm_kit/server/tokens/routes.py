"""The routes of the tokenizer.

Source: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local_llm_kit.backends import Backend, JSONObject
from local_llm_kit.server.departures import unless_gone
from local_llm_kit.server.endpoints import Endpoint, json_response, read_beside
from local_llm_kit.server.service import Service
from local_llm_kit.server.tokens.arguments import (
    TokenizeArguments,
    parse_detokenize,
    parse_tokenize,
)


def routes(service: Service) -> list[Route]:
    """The routes, ready to be mounted."""
    tokenizer = _Tokenizer(service)
    return [
        Route("/tokenize", Endpoint(tokenizer.tokenize), methods=["POST"]),
        Route("/detokenize", Endpoint(tokenizer.detokenize), methods=["POST"]),
    ]


class _Tokenizer:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def tokenize(self, request: Request) -> Response:
        """Tokens of a text."""
        arguments = await read_beside(self._service, request, parse_tokenize)
        work = self._service.with_model(arguments.model, lambda model: _tokens(model, arguments))
        return json_response({"tokens": await unless_gone(request.receive, work)})

    async def detokenize(self, request: Request) -> Response:
        """The text of tokens; special tokens have none."""
        arguments = await read_beside(self._service, request, parse_detokenize)
        work = self._service.with_model(
            arguments.model, lambda model: model.detokenize(arguments.tokens)
        )
        return json_response({"content": await unless_gone(request.receive, work)})


def _tokens(model: Backend, arguments: TokenizeArguments) -> list[int] | list[JSONObject]:
    tokens = model.tokenize(
        arguments.content,
        add_special=arguments.add_special,
        parse_special=arguments.parse_special,
    )
    if not arguments.with_pieces:
        return tokens
    pieces = model.token_bytes(tokens)
    return [
        {"id": token, "piece": _spelled(piece)} for token, piece in zip(tokens, pieces, strict=True)
    ]


def _spelled(piece: bytes) -> str | list[int]:
    """A token's text, or its bytes where it is a part of a character only."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)
