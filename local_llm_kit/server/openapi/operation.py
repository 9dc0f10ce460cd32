"""One operation of the document: a method of a path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_llm_kit.server.errors import api_of
from local_llm_kit.server.headers import IGNORED_PARAMETERS
from local_llm_kit.server.openapi.schema import NULL, TEXT, Schema, answer, nullable, one_of, ref
from local_llm_kit.server.shapes import EVENT_STREAM

EVENTS = EVENT_STREAM.partition(";")[0]
#: Schemas of errors, each API's own.
ERRORS: Mapping[str, Schema] = {
    "Error": answer(
        {
            "error": answer(
                {"message": TEXT, "type": TEXT, "param": nullable(TEXT), "code": nullable(TEXT)}
            )
        }
    ),
    "AnthropicError": answer(
        {
            "type": one_of("error"),
            "error": answer({"type": TEXT, "message": TEXT}),
            "request_id": nullable(TEXT),
        }
    ),
    "OllamaError": answer({"error": TEXT, "code": TEXT}, optional=["code"]),
}
_ERROR_OF = {"openai": "Error", "anthropic": "AnthropicError", "ollama": "OllamaError"}


@dataclass(frozen=True, slots=True)
class Operation:
    """What a method of a path does.

    :param summary: a sentence without its full stop.
    :param response: schema of the answer's JSON; None where it is no JSON.
    :param body: schema of the request's JSON; None where it has none.
    :param stream: media type of the answer where the request asks for a stream.
    :param events: schema of what is in a stream.
    :param media_type: of the whole answer.
    :param query: parameters of the query, by name.
    """

    summary: str
    response: Schema | None
    body: Schema | None = None
    stream: str | None = None
    events: Schema | None = None
    media_type: str = "application/json"
    query: Mapping[str, Schema] = field(default_factory=dict)


def describe(path: str, operation: Operation, tag: str) -> dict[str, Any]:
    """An operation as the document has it.

    :param path: names the parameters in it, and whose errors it has.
    :param tag: the API that it belongs to.
    """
    error = {"application/json": {"schema": ref(_ERROR_OF[api_of(path)])}}
    found: dict[str, Any] = {
        "tags": [tag],
        "summary": operation.summary,
        "responses": {
            "200": _success(operation),
            "4XX": {"description": "Refused; says what was wrong", "content": error},
            "5XX": {"description": "Failed", "content": error},
        },
    }
    if operation.body is not None:
        content = {"application/json": {"schema": operation.body}}
        found["requestBody"] = {"required": True, "content": content}
    parameters = [*_in_path(path), *_in_query(operation)]
    return found | ({"parameters": parameters} if parameters else {})


def _success(operation: Operation) -> dict[str, Any]:
    content = {operation.media_type: {"schema": operation.response or TEXT}}
    if operation.stream is not None:
        content[operation.stream] = {"schema": _streamed(operation.stream, operation.events)}
    found: dict[str, Any] = {"description": "Done", "content": content}
    if operation.body is not None:
        names = "Names the arguments that were taken and have no effect"
        header = {"description": names, "schema": TEXT}
        found["headers"] = {IGNORED_PARAMETERS: header}
    return found


def _streamed(media_type: str, events: Schema | None) -> Schema:
    """What comes again and again in a stream: a line, or an event whose data is JSON as text."""
    if events is None or media_type != EVENTS:
        return events or TEXT
    data = TEXT | {"contentMediaType": "application/json", "contentSchema": events}
    return answer({"data": data, "event": TEXT}, optional=["event"])


def _in_path(path: str) -> list[dict[str, Any]]:
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    return [
        {"name": name, "in": "path", "required": True, "schema": TEXT | {"minLength": 1}}
        for name in names
    ]


def _in_query(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in operation.query.items()
        if schema != NULL
    ]
