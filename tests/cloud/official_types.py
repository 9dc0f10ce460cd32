"""The request types of the providers' own SDKs, as judges of the bodies that we send.

Fields that a type does not have are errors, and iterables are checked to their end. What an SDK's
types lack, or hold that a reader of JSON never sees, is said where it is mended.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter
from pydantic_core import CoreSchema, SchemaValidator

Judge = Callable[[dict[str, Any]], None]


def closed(node: Any) -> Any:
    """A copy of a core schema that forbids what it does not name.

    Iterables become lists: pydantic checks an iterable's items only when someone takes them.
    """
    if isinstance(node, list | tuple):
        return type(node)(map(closed, node))
    if not isinstance(node, dict):
        return node
    copy = {key: closed(value) for key, value in node.items() if key != "serialization"}
    if copy.get("type") in ("typed-dict", "model-fields"):
        copy["extra_behavior"] = "forbid"
    elif copy.get("type") == "generator":
        copy["type"] = "list"
    return copy


def judge(kind: Any) -> Judge:
    """:return: raises a `ValidationError` for a body that is not of the type `kind`."""
    schema: CoreSchema = closed(TypeAdapter(kind).core_schema)
    validator = SchemaValidator(schema)

    def check(body: dict[str, Any]) -> None:
        validator.validate_json(json.dumps(body), strict=True)

    return check


@cache
def openai() -> Judge:
    from openai.types.chat.completion_create_params import (
        CompletionCreateParamsNonStreaming,
        CompletionCreateParamsStreaming,
    )

    plain, streamed = (
        judge(CompletionCreateParamsNonStreaming),
        judge(CompletionCreateParamsStreaming),
    )
    return lambda body: streamed(body) if body.get("stream") else plain(body)


@cache
def anthropic() -> Judge:
    from anthropic.types.message_create_params import (
        MessageCreateParamsNonStreaming,
        MessageCreateParamsStreaming,
    )

    plain, streamed = judge(MessageCreateParamsNonStreaming), judge(MessageCreateParamsStreaming)
    return lambda body: streamed(body) if body.get("stream") else plain(body)


@cache
def gemini() -> Judge:
    from google.genai import types

    kinds = {
        "contents": list[types.Content],
        "systemInstruction": types.Content,
        "tools": list[types.Tool],
        "toolConfig": types.ToolConfig,
        "generationConfig": types.GenerationConfig,
        "safetySettings": list[types.SafetySetting],
        "cachedContent": str,
        "labels": dict[str, str],
    }
    adapters = {name: TypeAdapter(kind) for name, kind in kinds.items()}

    def check(body: dict[str, Any]) -> None:
        for name, value in body.items():
            adapters[name].validate_json(json.dumps(value))

    return check


@cache
def ollama() -> Judge:
    from ollama._types import ChatRequest, Message, Options

    # The server's api/types.go has these; the SDK keeps, but does not know them.
    class Function(Message.ToolCall.Function, extra="forbid"):
        arguments: dict[str, Any]

    class Call(Message.ToolCall, extra="forbid"):
        id: str | None = None
        function: Function

    class Turn(Message, extra="forbid"):
        role: Literal["system", "user", "assistant", "tool"]
        content: str
        tool_call_id: str | None = None
        tool_calls: list[Call] | None = None
        images: list[str] | None = None

    class Settings(Options, extra="forbid"):
        min_p: float | None = None

    # Its schemas of tools hold what a parser of docstrings writes; the server takes any.
    class Declared(BaseModel, extra="forbid"):
        name: str
        description: str | None = None
        parameters: dict[str, Any] | None = None

    class Tool(BaseModel, extra="forbid"):
        type: Literal["function"]
        function: Declared

    class Request(ChatRequest, extra="forbid"):
        messages: list[Turn]
        options: Settings | None = None
        tools: list[Tool] | None = None
        truncate: bool | None = None

    def check(body: dict[str, Any]) -> None:
        Request.model_validate_json(json.dumps(body))

    return check


JUDGES: dict[str, Callable[[], Judge]] = {
    "openai": openai,
    "anthropic": anthropic,
    "gemini": gemini,
    "ollama": ollama,
}
