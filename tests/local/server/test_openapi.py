"""The document at ``/openapi.json`` describes what is there, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from starlette.routing import Route

from local_llm_kit.arguments import Defaults, parse_chat, parse_completion
from local_llm_kit.decisions import parse_decision
from local_llm_kit.embeddings import parse_embeddings
from local_llm_kit.fields import Fields
from local_llm_kit.server import LocalServer, page
from local_llm_kit.server.anthropic.request import parse_count, parse_message
from local_llm_kit.server.ollama.embedding import read_embed, read_embeddings
from local_llm_kit.server.ollama.request import read_chat, read_generate
from local_llm_kit.server.ollama.systemone import read_systemone
from local_llm_kit.server.openapi import document
from local_llm_kit.server.responses.request import parse_response
from local_llm_kit.server.tokens.arguments import parse_detokenize, parse_tokenize
from tests.local.http import ask
from tests.local.support import running_server

pytestmark = pytest.mark.slow

MESSAGES = [{"role": "user", "content": "Hello!"}]
QUESTION = {"type": "predicate", "instructions": "It is a greeting."}
DEFAULTS = Defaults()
#: A request with no more than it needs, and what reads it.
PARSERS: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "/v1/chat/completions": (lambda body: parse_chat(body, DEFAULTS), {"messages": MESSAGES}),
    "/v1/completions": (lambda body: parse_completion(body, DEFAULTS), {"prompt": "One"}),
    "/v1/embeddings": (parse_embeddings, {"input": "One"}),
    "/v1/decisions": (parse_decision, {"input": "Hello!", "questions": [QUESTION]}),
    "/v1/responses": (lambda body: parse_response(body, DEFAULTS), {"input": "Hello!"}),
    "/v1/responses/input_tokens": (lambda body: parse_response(body, DEFAULTS), {}),
    "/v1/messages": (parse_message, {"max_tokens": 1, "messages": MESSAGES}),
    "/v1/messages/count_tokens": (parse_count, {"messages": MESSAGES}),
    "/api/chat": (read_chat, {"model": "tiny", "messages": MESSAGES}),
    "/api/generate": (read_generate, {"model": "tiny", "prompt": "Hello!"}),
    "/api/embed": (read_embed, {"model": "tiny", "input": "Hello!"}),
    "/api/embeddings": (read_embeddings, {"model": "tiny", "prompt": "Hello!"}),
    "/v1/systemone": (
        read_systemone,
        {
            "model": "tiny",
            "state": "Hello!",
            "questions": {"a": {"type": "noul", "instructions": "It is a greeting."}},
        },
    ),
    "/tokenize": (parse_tokenize, {"content": "Hello!"}),
    "/detokenize": (parse_detokenize, {"tokens": [1]}),
}
#: Read only to be refused by name.
REFUSED = {"thread"}


def body_schema(path: str) -> dict[str, Any]:
    body = document()["paths"][path]["post"]["requestBody"]
    schema: dict[str, Any] = body["content"]["application/json"]["schema"]
    return schema


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> dict[Fields, set[str]]:
    """The names that are taken from each object of fields, the body's first."""
    names: dict[Fields, set[str]] = {}
    take = Fields.take

    def noted(self: Fields, name: str) -> Any:
        names.setdefault(self, set()).add(name)
        return take(self, name)

    monkeypatch.setattr(Fields, "take", noted)
    return names


@pytest.mark.parametrize("path", PARSERS)
def test_the_fields_described_are_those_that_are_read(
    path: str, taken: dict[Fields, set[str]]
) -> None:
    parse, body = PARSERS[path]
    parse(body)
    assert set(body_schema(path)["properties"]) == next(iter(taken.values())) - REFUSED


@pytest.mark.parametrize("path", PARSERS)
def test_a_request_with_no_more_than_it_needs_is_as_described(path: str) -> None:
    schema = {**body_schema(path), "components": document()["components"]}
    jsonschema.validate(PARSERS[path][1], schema)


def test_every_body_that_is_described_is_compared_with_its_parser() -> None:
    described = {
        path for path, methods in document()["paths"].items()
        if any("requestBody" in one for one in methods.values())
    }  # fmt: skip
    assert described == {*PARSERS, "/api/show", "/v1/chat/completions/{id}"}


def test_every_route_is_described_but_the_pages_files(server: LocalServer) -> None:
    app: Any = server._server.config.app
    routes = [route for route in app._app.routes if isinstance(route, Route)]
    mounted = {
        (method, route.path.replace(":path", "")) for route in routes
        for method in route.methods or () if method != "HEAD"
    }  # fmt: skip
    files = {("GET", path.decode()) for path in page.open_paths()}
    described = {
        (method.upper(), path)
        for path, methods in document()["paths"].items()
        for method in methods
    }
    assert described == mounted - files


def test_every_schema_is_one() -> None:
    components = document()["components"]
    for schema in components["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for path in PARSERS:
        jsonschema.Draft202012Validator.check_schema(body_schema(path))


def test_the_document_is_served_where_a_key_is_given() -> None:
    with running_server(api_key="secret") as server:
        assert ask(server.url, "/openapi.json").status == 401
        answer = ask(server.url, "/openapi.json", headers={"Authorization": "Bearer secret"})
        assert (answer.status, answer.json) == (200, document())
