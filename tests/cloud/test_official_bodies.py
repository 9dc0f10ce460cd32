"""What is asked in OpenAI's words is sent in a form that each provider's own SDK has a type for."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal, Optional

import pytest
from pydantic import BaseModel, Field, ValidationError

from cloud.llm import ChatMessage, InvalidRequestError, ToolCall
from tests.cloud.asked import CODECS, USER, body
from tests.cloud.official_types import JUDGES

PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0="
MARK = {"cache_control": {"type": "ephemeral"}}
TEXT = {"type": "text", "text": "What is it?"}
IMAGE = {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}
FAR_IMAGE = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
FILE = {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "A city"}},
    "required": ["city"],
}
WEATHER = {"name": "get_weather", "description": "Tells it.", "parameters": PARAMETERS}
NESTED = {"type": "function", "function": WEATHER}
STRICT = {"type": "function", "function": {**WEATHER, "strict": True}}
BARE = {"name": "now"}
CALLS = [ToolCall("call_1", "get_weather", {"city": "Rome"}), ToolCall("call_2", "now", "")]


def answered(*contents: Any) -> list[Any]:
    """A conversation in which tools have been called, and have given these."""
    ids = ["call_1", "call_2"]
    results = [
        {"role": "tool", "tool_call_id": call_id, "content": content}
        for call_id, content in zip(ids, contents, strict=False)
    ]
    return [USER, {"role": "assistant", "content": None, "tool_calls": CALLS[: len(results)]},
            *results, {"role": "user", "content": "And now?"}]  # fmt: skip


def said(*content: Any) -> list[Any]:
    return [{"role": "user", "content": list(content)}]


class Kind(Enum):
    TOWN = "town"
    VILLAGE = "village"


class Place(BaseModel):
    name: str = Field(description="As its people call it.", max_length=40)
    kind: Kind = Kind.TOWN
    people: Optional[int] = Field(None, ge=0)  # noqa: UP045  # as callers write it
    near: list[Place] = []
    where: tuple[float, float] | None = None


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Home(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")


THOUGHTS = [
    {"type": "thinking", "thinking": "Hm.", "signature": "QUJD"},
    {"type": "redacted_thinking", "data": "QUJD"},
]
FORMAT = {"type": "json_schema", "json_schema": {"name": "city", "schema": PARAMETERS}}

CALLS_OF: dict[str, tuple[Any, dict[str, Any]]] = {
    "text": ([USER], {}),
    "objects": ([ChatMessage("system", "Be brief."), ChatMessage("user", "Hello!")], {}),
    "system": ([USER], {"system": "Be brief."}),
    "system in parts": ([USER], {"system": [{**TEXT, **MARK}]}),
    "systems": (
        [{"role": "system", "content": "a"}, USER, {"role": "developer", "content": [TEXT]}],
        {"system": "b"},
    ),
    "parts": (said(TEXT, TEXT), {}),
    "marks": ([{**USER, **MARK}, {"role": "user", "content": [{**TEXT, **MARK}]}], {}),
    "image": (said(TEXT, IMAGE), {}),
    "image alone": (said(IMAGE), {}),
    "marked image": (said({**IMAGE, **MARK}, TEXT), {}),
    "image at an address": (said(FAR_IMAGE), {}),
    "pdf": (said(FILE, TEXT), {}),
    "marked pdf": (said({**FILE, **MARK}, TEXT), {}),
    "audio": (said(AUDIO), {}),
    "names": ([{**USER, "name": "ann"}], {}),
    "turns of one": ([USER, USER, {"role": "assistant", "content": "Hi."}, USER], {}),
    "prefix": ([USER, {"role": "assistant", "content": "{"}], {}),
    "refusal": ([USER, {"role": "assistant", "content": None, "refusal": "No."}, USER], {}),
    "empty answer": ([USER, {"role": "assistant", "content": ""}, USER], {}),
    "thoughts": ([USER, {"role": "assistant", "content": "Hi.", "thinking_blocks": THOUGHTS}, USER],
                 {}),
    "unsigned thoughts": ([USER, {"role": "assistant", "content": "Hi.", "thinking": "Hm."}, USER],
                          {}),
    "reasoning content": (
        [USER, {"role": "assistant", "content": "Hi.", "reasoning_content": "Hm."}, USER], {}
    ),
    "flat tool": ([USER], {"tools": [WEATHER]}),
    "nested tool": ([USER], {"tools": [NESTED]}),
    "strict tool": ([USER], {"tools": [STRICT]}),
    "bare tool": ([USER], {"tools": [BARE]}),
    "anthropic's form of a tool": (
        [USER], {"tools": [{"name": "f", "description": "d", "input_schema": PARAMETERS}]}
    ),
    "marked tools": ([USER], {"tools": [{**WEATHER, **MARK}, {**NESTED, **MARK}]}),
    **{
        f"choice {choice}": ([USER], {"tools": [WEATHER], "tool_choice": choice})
        for choice in ("auto", "none", "required", "any", "get_weather")
    },
    "nested choice": ([USER], {"tools": [WEATHER], "tool_choice":
                               {"type": "function", "function": {"name": "get_weather"}}}),
    "anthropic's choice": ([USER], {"tools": [WEATHER], "tool_choice":
                                    {"type": "tool", "name": "get_weather"}}),
    "one call": ([USER], {"tools": [WEATHER], "parallel_tool_calls": False}),
    "parallel calls": ([USER], {"tools": [WEATHER], "parallel_tool_calls": True}),
    "result": (answered("sunny"), {"tools": [WEATHER]}),
    "results": (answered("sunny", "12:00"), {}),
    "empty result": (answered(""), {}),
    "null result": (answered(None), {}),
    "object": (answered({"celsius": 18, "wind": None}), {}),
    "list": (answered([1, 2, 3]), {}),
    "list of objects": (answered([{"city": "Rome"}]), {}),
    "empty list": (answered([]), {}),
    "number": (answered(18), {}),
    "boolean": (answered(True), {}),
    "result in parts": (answered([TEXT, TEXT]), {}),
    "result with an image": (answered([TEXT, IMAGE]), {}),
    "results that are images": (answered([IMAGE], [IMAGE, TEXT])[:-1], {}),
    "json text": (answered('{"celsius": 18}'), {}),
    "json list as text": (answered("[1, 2]"), {}),
    "error result": (
        [*answered("sunny")[:2],
         {"role": "tool", "tool_call_id": "call_1", "content": "broke", "is_error": True}], {}
    ),
    "named result": (
        [*answered("sunny")[:2],
         {"role": "tool", "tool_call_id": "call_1", "name": "get_weather", "content": "x"}], {}
    ),
    "json": ([{"role": "user", "content": "JSON!"}], {"response_format": {"type": "json_object"}}),
    "free text": ([USER], {"response_format": {"type": "text"}}),
    "schema": ([USER], {"response_format": FORMAT}),
    "class": ([USER], {"response_format": Place}),
    "union": ([USER], {"response_format": Home}),
    **{f"effort {effort}": ([USER], {"reasoning_effort": effort})
       for effort in ("none", "minimal", "low", "medium", "high")},
    "stop": ([USER], {"stop": "END"}),
    "stops": ([USER], {"stop": ["a", "b"]}),
    "limits": ([USER], {"max_tokens": 9, "temperature": 0.0, "top_p": 0.5}),
    "newer limit": ([USER], {"max_completion_tokens": 9}),
    "penalties": ([USER], {"presence_penalty": 0.5, "frequency_penalty": -0.5, "seed": 1}),
    "user": ([USER], {"user": "u-1", "metadata": {"a": "b"}}),
    "top k": ([USER], {"top_k": 5}),
}  # fmt: skip

#: What a provider has nothing for, and we say so.
REFUSED_BY_US = {
    ("anthropic", "audio"),
    ("gemini", "one call"),
    ("ollama", "choice any"),
    ("ollama", "choice get_weather"),
    ("ollama", "choice required"),
    ("ollama", "nested choice"),
    ("ollama", "anthropic's choice"),
    ("ollama", "image at an address"),
    ("ollama", "marked pdf"),
    ("ollama", "one call"),
    ("ollama", "pdf"),
}
#: What is sent as it was given, for the provider to refuse by name: its models differ, or it may
#: come to know it. Anthropic's types lack what its newest version has dropped and ours still has.
LEFT_TO_THEM = {
    ("anthropic", "limits"): "temperature",
    ("anthropic", "penalties"): "presence_penalty",
    ("anthropic", "top k"): "top_k",
    ("anthropic", "user"): "metadata.a",
    ("openai", "top k"): "top_k",
}

CASES = [(provider, name) for provider in CODECS for name in CALLS_OF]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(("provider", "name"), CASES, ids=map(" ".join, CASES))
def test_bodies_are_of_the_sdks_types(provider: str, name: str, stream: bool) -> None:
    messages, call = CALLS_OF[name]
    if (provider, name) in REFUSED_BY_US:
        with pytest.raises(InvalidRequestError):
            body(provider, messages, stream=stream, **call)
        return
    sent = body(provider, messages, stream=stream, **call)
    if field := LEFT_TO_THEM.get((provider, name)):
        with pytest.raises(ValidationError, match=rf"(?m)^{field}"):
            JUDGES[provider]()(sent)
        return
    JUDGES[provider]()(sent)
