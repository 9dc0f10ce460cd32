"""Google's own SDK sends the same fields for the same wishes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from tests.cloud.gemini.sent import USER, body
from tests.cloud.gemini.wire import answer, text
from tests.remote.scripted_server import ScriptedServer
from tests.remote.wire import answer as http_answer

pytestmark = pytest.mark.slow

SCHEMA = {"type": "object", "properties": {"location": {"type": "string"}}}
TOOL = {"name": "f", "description": "d", "parameters": SCHEMA}
DECLARED = {"name": "f", "description": "d", "parameters_json_schema": SCHEMA}
GREETED = {"role": "user", "parts": [{"text": "Hello!"}]}

#: Arguments of our call, and the `config` of the SDK's that says the same.
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sampling": (
        {"temperature": 0.5, "max_tokens": 9, "top_p": 0.9, "top_k": 40, "seed": 1, "stop": ["x"]},
        {"temperature": 0.5, "max_output_tokens": 9, "top_p": 0.9, "top_k": 40, "seed": 1,
         "stop_sequences": ["x"]},
    ),
    "several": ({"n": 2, "presence_penalty": 0.5, "frequency_penalty": 0.25},
                {"candidate_count": 2, "presence_penalty": 0.5, "frequency_penalty": 0.25}),
    "system": ({"system": "Be brief."}, {"system_instruction": "Be brief."}),
    "tools": ({"tools": [TOOL], "tool_choice": "f"},
              {"tools": [{"function_declarations": [DECLARED]}],
               "tool_config": {"function_calling_config":
                               {"mode": "ANY", "allowed_function_names": ["f"]}}}),
    "schema": ({"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
               {"response_mime_type": "application/json", "response_json_schema": SCHEMA}),
    "effort": ({"reasoning_effort": "low"},
               {"thinking_config": {"thinking_level": "LOW", "include_thoughts": True}}),
    "top": ({"cached_content": "cachedContents/1", "labels": {"a": "b"}, "service_tier": "flex"},
            {"cached_content": "cachedContents/1", "labels": {"a": "b"}, "service_tier": "flex"}),
    "safety": (
        {"safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]},
        {"safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]},
    ),
    "images": ({"media_resolution": "MEDIA_RESOLUTION_LOW", "modalities": ["text", "image"]},
               {"media_resolution": "MEDIA_RESOLUTION_LOW",
                "response_modalities": ["TEXT", "IMAGE"]}),
}  # fmt: skip

CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'},
        "extra_content": {"google": {"thought_signature": "QUJD"}}}  # fmt: skip
MESSAGES = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Hello!"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
        ],
    },
    {"role": "assistant", "content": "I look.", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "a", "content": "sunny"},
]
CONTENTS = [
    {
        "role": "user",
        "parts": [
            {"text": "Hello!"},
            {"inline_data": {"mime_type": "image/png", "data": b"ABC"}},
            {"file_data": {"mime_type": "image/png", "file_uri": "https://x.example/a.png"}},
        ],
    },
    {
        "role": "model",
        "parts": [
            {"text": "I look."},
            {
                "function_call": {"id": "a", "name": "f", "args": {"x": 1}},
                "thought_signature": b"ABC",
            },
        ],
    },
    {
        "role": "user",
        "parts": [{"function_response": {"id": "a", "name": "f", "response": {"result": "sunny"}}}],
    },
]

Ask = Callable[..., dict[str, Any]]


def in_camel_case(value: Any) -> Any:
    """The SDK leaves some fields in snake case, which the API takes as well."""
    if isinstance(value, list):
        return [in_camel_case(item) for item in value]
    if isinstance(value, dict):
        return {to_camel(name): in_camel_case(item) for name, item in value.items()}
    return value


@pytest.fixture(scope="module")
def sdk_body() -> Iterator[Ask]:
    """What google-genai sends."""
    from google import genai

    with ScriptedServer((http_answer(answer(text("Hi."))),)) as server:
        client = genai.Client(api_key="AIza-test-1234", http_options={"base_url": server.url})

        def ask(contents: Any, config: Any = None) -> dict[str, Any]:
            client.models.generate_content(model="m", contents=contents, config=config)
            sent = in_camel_case(json.loads(server.bodies[-1]))
            # Said by the SDK, and of no account: who instructs, and that nothing is set.
            sent.get("systemInstruction", {}).pop("role", None)
            return {name: value for name, value in sent.items() if value != {}}

        yield ask
        client.close()


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_have_the_sdks_fields(sdk_body: Ask, name: str) -> None:
    ours, theirs = SETTINGS[name]
    assert body([USER], **ours) == sdk_body([GREETED], theirs)


def test_conversations_have_the_sdks_fields(sdk_body: Ask) -> None:
    assert body(MESSAGES) == sdk_body(CONTENTS)
