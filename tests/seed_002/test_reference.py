"""The tables of the reference: names, methods, arguments and properties, as they stand there."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import cloud.llm
from cloud.llm import ChatResponse, ToolCall

CHAT = "messages model temperature max_tokens tools"
STREAM = "messages model temperature max_tokens"

#: Each method's arguments. The model may be given by its place, the rest by name.
METHODS = {
    "OpenAICompatClient": {"chat": f"{CHAT} tool_choice", "chat_stream": STREAM, "close": ""},
    "AnthropicClient": {
        "chat": f"{CHAT} system tool_choice",
        "chat_stream": f"{STREAM} system",
        "close": "",
    },
    "OllamaClient": {
        "chat": f"{CHAT} system",
        "chat_stream": f"{STREAM} system",
        "is_available": "",
        "list_models": "",
        "has_model": "model_name",
        "pull_model": "model_name",
        "ensure_model": "model_name",
    },
}
CALLS = [
    pytest.param(twin + name, method, arguments.split(), id=f"{twin}{name}.{method}")
    for name, methods in METHODS.items()
    for twin in ("", "Async")
    for method, arguments in methods.items()
]


@pytest.mark.parametrize(("name", "method", "arguments"), CALLS)
def test_methods_take_the_arguments_of_the_table(
    name: str, method: str, arguments: list[str]
) -> None:
    taken = inspect.signature(getattr(getattr(cloud.llm, name), method)).parameters
    assert set(arguments) <= set(taken)
    by_place = [argument for argument in list(taken)[1:] if argument in arguments]
    assert by_place[:2] == arguments[:2]


@pytest.mark.parametrize(
    "name",
    [
        "ChatMessage",
        "ChatResponse",
        "LLMAuthError",
        "LLMConnectionError",
        "LLMContentFilterError",
        "LLMContextLengthError",
        "LLMError",
        "LLMRateLimitError",
        "LLMTimeoutError",
        "OLLAMA_DEFAULT_MODEL",
        "OLLAMA_RECOMMENDED_MODELS",
        "ToolCall",
        "get_default_model",
        "get_recommended_models",
    ],
)
def test_names_of_the_reference_are_public(name: str) -> None:
    assert name in cloud.llm.__all__
    assert getattr(cloud.llm, name) is not None


def test_a_response_has_the_properties_of_the_table() -> None:
    call = ToolCall.from_openai({"id": "1", "function": {"name": "f", "arguments": "{}"}})
    response = ChatResponse("Hi", "m", 3, 2, "tool_calls", [call], {"id": "x"})
    found: dict[str, Any] = {
        "content": "Hi",
        "model": "m",
        "input_tokens": 3,
        "output_tokens": 2,
        "total_tokens": 5,
        "finish_reason": "tool_calls",
        "tool_calls": [call],
        "has_tool_calls": True,
        "raw": {"id": "x"},
    }
    assert {name: getattr(response, name) for name in found} == found


def test_a_call_has_the_properties_and_makers_of_the_table() -> None:
    nested = {"id": "1", "function": {"name": "f", "arguments": '{"x": 1}'}}
    block = {"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}}
    for call in (ToolCall.from_openai(nested), ToolCall.from_anthropic(block)):
        assert (call.id, call.name, call.arguments) == ("1", "f", {"x": 1})


def test_ollamas_models_are_those_of_the_table() -> None:
    assert cloud.llm.get_recommended_models() == {
        "qwen2.5:3b": {"size": "1.9GB", "context": "32K", "best_for": "General (default)"},
        "llama3.2:3b": {"size": "2.0GB", "context": "128K", "best_for": "Long context"},
        "codellama:7b": {"size": "3.8GB", "context": "16K", "best_for": "Code"},
    }
    assert cloud.llm.get_default_model() == cloud.llm.OLLAMA_DEFAULT_MODEL == "qwen2.5:3b"
