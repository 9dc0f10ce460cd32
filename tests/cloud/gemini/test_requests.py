"""Which settings, tools and paths a call comes to at Gemini."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from cloud.llm import InvalidRequestError, LLMConfigError
from tests.cloud.gemini.sent import GOOGLE, body, codec, request

SCHEMA = {
    "type": "object",
    "properties": {"t": {"$ref": "#/$defs/T"}},
    "additionalProperties": False,
}
TOOL = {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}
DECLARED = {"name": "f", "description": "d", "parametersJsonSchema": SCHEMA}


class City(BaseModel):
    name: str


PATHS = {
    "gemini-3.8-flash": "/models/gemini-3.8-flash",
    "models/gemini-3.8-flash": "/models/gemini-3.8-flash",
    "tunedModels/mine-1": "/tunedModels/mine-1",
    "models/../../files?key=x#y": "/models/..%2F..%2Ffiles%3Fkey%3Dx%23y",
    "a/b:generateContent": "/models/a%2Fb%3AgenerateContent",
    "..": "/models/..",
    "%2e%2e": "/models/%252e%252e",
    "ü\r\nHost: x": "/models/%C3%BC%0D%0AHost%3A%20x",
}


@pytest.mark.parametrize("model", PATHS)
def test_no_model_name_leads_out_of_its_place(model: str) -> None:
    assert request(model=model).path == PATHS[model] + ":generateContent"
    assert request(model=model, stream=True).path == (
        PATHS[model] + ":streamGenerateContent?alt=sse"
    )


@pytest.mark.parametrize("model", ["", "models/", 5, "\ud800"])
def test_a_model_that_is_no_name_is_told(model: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"model .*give a name such as"):
        request(model=model)


@pytest.mark.parametrize(
    ("url", "root"),
    [
        (GOOGLE, GOOGLE + "/v1beta"),
        (GOOGLE + "/v1", GOOGLE + "/v1"),
        ("http://127.0.0.1:8000/gemini/v1beta", "http://127.0.0.1:8000/gemini/v1beta"),
    ],
)
def test_a_base_url_that_names_no_version_gets_one(url: str, root: str) -> None:
    assert codec(url).api_root == root


def test_googles_imitation_of_openai_is_not_asked_in_geminis_words() -> None:
    with pytest.raises(LLMConfigError, match="stop before /openai"):
        codec(GOOGLE + "/v1beta/openai")


def test_the_key_is_in_a_header_and_does_not_print() -> None:
    headers = codec(api_key="AIza-test-1234").headers
    assert headers["x-goog-api-key"] == "AIza-test-1234"
    assert "AIza" not in repr(headers)
    assert codec().headers == {}


SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "temperature of 0": ({"temperature": 0.0}, {"temperature": 0.0}),
    "max_tokens": ({"max_tokens": 7}, {"maxOutputTokens": 7}),
    "max_completion_tokens": ({"max_completion_tokens": 7}, {"maxOutputTokens": 7}),
    "top_p and top_k": ({"top_p": 0.5, "top_k": 40}, {"topP": 0.5, "topK": 40}),
    "stop": ({"stop": "END"}, {"stopSequences": ["END"]}),
    "stops": ({"stop": ["A", "B"]}, {"stopSequences": ["A", "B"]}),
    "seed": ({"seed": 0}, {"seed": 0}),
    "n": ({"n": 2}, {"candidateCount": 2}),
    "penalties": (
        {"presence_penalty": 0.1, "frequency_penalty": 0.2},
        {"presencePenalty": 0.1, "frequencyPenalty": 0.2},
    ),
    "logprobs": ({"logprobs": True, "top_logprobs": 3}, {"responseLogprobs": True, "logprobs": 3}),
    "modalities": ({"modalities": ["text", "image"]}, {"responseModalities": ["TEXT", "IMAGE"]}),
    "what it has no use for": (
        {"user": "me", "safety_identifier": "me", "stream_options": {}, "prompt_cache_key": "k"},
        {},
    ),
    "what it does anyway": (
        {"parallel_tool_calls": True},
        {},
    ),
    "Google's own": ({"media_resolution": "LOW"}, {"mediaResolution": "LOW"}),
    "in camel case": ({"topK": 5}, {"topK": 5}),
    "a whole config": (
        {"generation_config": {"top_k": 5, "stopSequences": ["x"]}, "seed": 1},
        {"topK": 5, "stopSequences": ["x"], "seed": 1},
    ),
    "JSON": (
        {"response_format": {"type": "json_object"}},
        {"responseMimeType": "application/json"},
    ),
    "text": ({"response_format": {"type": "text"}}, {}),
    "schema": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": SCHEMA},
            }
        },
        {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
    ),
    "effort": (
        {"reasoning_effort": "low"},
        {"thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True}},
    ),
    "no effort": (
        {"reasoning_effort": "none"},
        {"thinkingConfig": {"thinkingLevel": "LOW"}},
    ),
    "effort and config": (
        {"reasoning_effort": "high", "thinking_config": {"include_thoughts": False}},
        {"thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": False}},
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_go_where_gemini_has_them(name: str) -> None:
    given, expected = SETTINGS[name]
    sent = body(**given)
    assert sent.pop("generationConfig", {}) == expected
    assert set(sent) == {"contents"}


@pytest.mark.parametrize(
    ("effort", "budget"),
    [("none", 128), ("minimal", 1024), ("low", 1024), ("medium", 8192), ("high", 24_576)],
)
def test_older_models_count_thoughts_in_tokens(effort: str, budget: int) -> None:
    sent = body(model="models/gemini-2.5-pro", reasoning_effort=effort)
    assert sent["generationConfig"]["thinkingConfig"]["thinkingBudget"] == budget


def test_a_pydantic_class_goes_as_its_schema() -> None:
    sent = body(response_format=City)["generationConfig"]["responseJsonSchema"]
    assert sent["properties"] == {"name": {"title": "Name", "type": "string"}}
    assert sent["required"] == ["name"]


def test_other_keywords_stand_at_the_top() -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
    sent = body(
        safety_settings=safety,
        cached_content="cachedContents/1",
        metadata={"team_name": "x"},
        service_tier="flex",
        somethingNew={"a_b": 1},
    )
    del sent["contents"]
    assert sent == {
        "safetySettings": safety,
        "cachedContent": "cachedContents/1",
        "labels": {"team_name": "x"},
        "serviceTier": "flex",
        "somethingNew": {"a_b": 1},
    }


def test_functions_are_declared_together_and_googles_tools_stand_beside_them() -> None:
    nested = {"type": "function", "function": {"name": "g"}, "cache_control": {"type": "ephemeral"}}
    own = {"google_search": {}}
    assert body(tools=[TOOL, own, nested, {"type": "code_execution"}])["tools"] == [
        {"functionDeclarations": [DECLARED, {"name": "g"}]},
        own,
        {"codeExecution": {}},
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", {"mode": "AUTO"}),
        (None, None),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ("f", {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_tool_choices_are_modes(choice: Any, expected: Any) -> None:
    free = {**TOOL, "strict": False}
    config = body(tools=[free], tool_choice=choice).get("toolConfig", {})
    assert config.get("functionCallingConfig") == expected


@pytest.mark.parametrize("choice", [None, "auto"])
def test_arguments_of_strict_functions_fit_their_schemas(choice: str | None) -> None:
    sent = body(tools=[{"google_search": {}}, TOOL], tool_choice=choice)
    assert sent["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    assert "strict" not in sent["tools"][0]["functionDeclarations"][0]


@pytest.mark.parametrize("choice", ["none", "required", "f"])
def test_a_choice_that_is_strict_by_itself_stays(choice: str) -> None:
    free = {**TOOL, "strict": False}
    strictly, freely = (body(tools=[tool], tool_choice=choice) for tool in (TOOL, free))
    assert strictly == freely


def test_a_tool_config_is_added_to_the_choice() -> None:
    place = {"latLng": {"latitude": 47.4, "longitude": 11.0}}
    sent = body(tools=[TOOL], tool_choice="auto", tool_config={"retrieval_config": place})
    assert sent["toolConfig"] == {
        "functionCallingConfig": {"mode": "VALIDATED"},
        "retrievalConfig": place,
    }


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "calls one by one": (
        {"tools": [TOOL], "parallel_tool_calls": False},
        "parallel_tool_calls is False",
    ),
    "format": ({"response_format": {"type": "grammar"}}, "type 'grammar' has no form"),
    "no schema": ({"response_format": {"type": "json_schema"}}, "type 'json_schema' has no form"),
    "effort": ({"reasoning_effort": 5}, "reasoning_effort is 5"),
    "config": ({"generation_config": "x"}, "generation_config is a str"),
    "instruction": ({"system_instruction": {}}, "system_instruction has no list of 'parts'"),
    "tool": ({"tools": [{"type": "function", "function": {}}]}, r"tools\[0\].function has no"),
    "no tool": ({"tools": [{"parameters": {}}]}, r"tools\[0\] is no tool"),
    "no number": ({"top_p": float("nan")}, "topP is nan"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_form_is_named(name: str) -> None:
    given, problem = REFUSED[name]
    with pytest.raises(InvalidRequestError, match=problem):
        body(**given)


def test_an_effort_that_older_models_lack_is_named() -> None:
    with pytest.raises(InvalidRequestError, match=r"'xhigh'; gemini-2\.5-flash takes 'none'"):
        body(model="gemini-2.5-flash", reasoning_effort="xhigh")
