"""Answers that look as they were asked to: JSON, patterns, grammars, calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from types import SimpleNamespace
from typing import Annotated, Any, Literal, cast

import pytest
from pydantic import BaseModel, Field

from LLM import InvalidRequestError, LLMResponseError
from local_llm_kit import LLMClient
from local_llm_kit.arguments import Defaults, parse_chat
from local_llm_kit.engines.llama_cpp import LlamaCppEngine
from local_llm_kit.engines.protocol import Engine
from local_llm_kit.output_format import messages_with_schema
from local_llm_kit.prompts import Prompter
from local_llm_kit.server import LocalServer
from local_llm_kit.templates import CHATML
from tests.local.http import ask as send_json

ANNA = [{"role": "user", "content": "Anna is 31 years old. Give her name and age."}]
WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]
TOOLS = [
    {"name": "get_weather", "parameters": {"type": "object", "properties": {
        "city": {"type": "string"}}, "required": ["city"]}},
    {"name": "add", "parameters": {"type": "object", "properties": {
        "a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]}},
]  # fmt: skip


@pytest.fixture(scope="module", params=["llama.cpp", "transformers"])
def client(request: pytest.FixtureRequest) -> Iterator[LLMClient]:
    """tiny on each engine: what holds the answers lies above both."""
    if request.param == "transformers":
        pytest.importorskip("torch")
    with LLMClient("tiny", backend=request.param) as client:
        yield client


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Person(BaseModel):
    name: str = Field(min_length=1, max_length=20)
    age: int = Field(ge=0, le=150)


class Order(BaseModel):
    buyer: Person
    size: Size
    kind: Literal["a", "b"]
    # Bounded, so that every answer ends before its limit, however hot the sampling is.
    notes: list[Annotated[str, Field(max_length=20)]] | None = Field(None, max_length=2)


def ask(client: LLMClient, **fields: Any) -> Any:
    given = {"messages": ANNA, "temperature": 0, "max_tokens": 120, **fields}
    return client.chat.completions.create(**given).choices[0]


def json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def test_a_pydantic_class_gives_its_object(client: LLMClient) -> None:
    assert ask(client, response_format=Person).message.parsed == Person(name="Anna", age=31)


def test_every_choice_of_a_stream_fits_its_class(client: LLMClient) -> None:
    with client.chat.completions.create(
        messages=ANNA, response_format=Order, n=3, temperature=1.5, max_tokens=1500, stream=True
    ) as stream:
        for _ in stream:
            pass
    assert stream.response is not None
    for choice in stream.response.choices:
        assert isinstance(choice.message.parsed, Order)


def test_what_was_cut_says_so(client: LLMClient) -> None:
    assert (
        ask(client, response_format={"type": "json_object"}, max_tokens=4).finish_reason == "length"
    )
    with pytest.raises(LLMResponseError, match="max_tokens"):
        ask(client, response_format=Person, max_tokens=4)


def test_a_json_object_is_one(client: LLMClient) -> None:
    choice = ask(client, response_format={"type": "json_object"})
    assert choice.finish_reason == "stop"
    assert json.loads(choice.message.content) == {"name": "Anna", "age": 31}


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": json_schema({"enum": ["yes", "no"]})},
        {"response_format": {"type": "json_object", "schema": {"enum": ["yes", "no"]}}},
        {"response_format": {"type": "regex", "regex": '"(yes|no)"'}},
        {"response_format": {"type": "grammar", "grammar": 'root ::= "\\"" ("yes" | "no") "\\""'}},
        {"guided_json": {"enum": ["yes", "no"]}},
        {"json_schema": '{"enum": ["yes", "no"]}'},
        {"guided_regex": '"(yes|no)"'},
        {"grammar": 'start: "\\"" ("yes" | "no") "\\""'},
    ],
    ids=lambda fields: str(fields)[:50],
)
def test_there_are_several_ways_to_ask(client: LLMClient, fields: dict[str, Any]) -> None:
    assert ask(client, **fields).message.content in ('"yes"', '"no"')


def test_a_text_completion_is_held_too(client: LLMClient) -> None:
    wanted = {"type": "regex", "regex": "[0-9]{3}"}
    answer = client.completions.create(prompt="2 + 2 = ", response_format=wanted)
    assert len(answer.text) == 3
    assert answer.text.isdigit()


def test_the_model_is_told_the_schema(client: LLMClient) -> None:
    free = client.chat.completions.create(messages=ANNA, max_tokens=1)
    told = client.chat.completions.create(messages=ANNA, max_tokens=1, response_format=json_schema(
        {"type": "object", "properties": {"name": {"type": "string"}}}))  # fmt: skip
    assert free.usage
    assert told.usage
    assert told.usage.prompt_tokens > free.usage.prompt_tokens + 20


@pytest.mark.parametrize("choice", ["auto", "required", "named", "flat", "allowed"])
def test_tools_are_called_as_was_chosen(client: LLMClient, choice: str) -> None:
    forms: dict[str, Any] = {
        "named": {"type": "function", "function": {"name": "add"}},
        "flat": {"type": "function", "name": "add"},
        "allowed": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
            {"type": "function", "function": {"name": "add"}}]}},
    }  # fmt: skip
    answer = ask(client, messages=WEATHER, tools=TOOLS, tool_choice=forms.get(choice, choice))
    (call,) = answer.message.tool_calls
    assert answer.finish_reason == "tool_calls"
    assert answer.message.content is None
    assert call.function.name == ("add" if choice in forms else "get_weather")
    assert set(json.loads(call.function.arguments)) == ({"a", "b"} if choice in forms else {"city"})


def test_a_model_may_answer_in_json_or_call(client: LLMClient) -> None:
    fields: dict[str, Any] = {"tools": TOOLS, "response_format": Person, "n": 8, "temperature": 2}
    answer = client.chat.completions.create(messages=WEATHER, max_tokens=400, **fields)
    for choice in answer.choices:
        assert isinstance(choice.message.parsed, Person) or choice.message.tool_calls


def test_parallel_calls_can_be_forbidden(client: LLMClient) -> None:
    two = [{"role": "user", "content": "What is the weather in Paris and in Rome?"}]
    for seed in range(10):
        message = ask(client, messages=two, tools=TOOLS, tool_choice="required", seed=seed,
                      temperature=1, parallel_tool_calls=False).message  # fmt: skip
        assert len(message.tool_calls) == 1


def test_a_tool_that_is_not_strict_takes_any_arguments(client: LLMClient) -> None:
    strange = {"name": "f", "strict": False, "parameters": {"type": "object", "not": {}}}
    call = ask(client, tools=[strange], tool_choice="required").message.tool_calls[0]
    assert call.function.name == "f"
    assert call.function.arguments.startswith("{")
    with pytest.raises(InvalidRequestError, match=r"tools\[0\].function.parameters.*'not'"):
        ask(client, tools=[{**strange, "strict": True}])


@pytest.mark.parametrize("stream", [False, True])
def test_legacy_functions_answer_in_the_legacy_shape(client: LLMClient, stream: bool) -> None:
    fields = {"functions": TOOLS, "function_call": {"name": "get_weather"}, "temperature": 0}
    answer: Any = client.chat.completions.create(messages=WEATHER, stream=stream, **fields)
    if stream:
        deltas = [chunk.choices[0].delta for chunk in answer]
        assert deltas[0].function_call.name == "get_weather"
        answer = answer.response
    choice = answer.choices[0]
    assert choice.finish_reason == "function_call"
    assert choice.message.tool_calls is None
    assert json.loads(choice.message.function_call.arguments) == {"city": "Paris"}


def test_a_legacy_conversation_is_read_as_todays_is(client: LLMClient) -> None:
    arguments = '{"city": "Paris"}'
    old = [
        *WEATHER,
        {"role": "assistant", "content": None,
         "function_call": {"name": "get_weather", "arguments": arguments}},
        {"role": "function", "name": "get_weather", "content": "sunny, 20 degrees"},
    ]  # fmt: skip
    function = {"name": "get_weather", "arguments": arguments}
    new = [
        *WEATHER,
        {"role": "assistant", "content": None,
         "tool_calls": [{"id": "c", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "c", "content": "sunny, 20 degrees"},
    ]  # fmt: skip
    assert client.count_tokens(old) == client.count_tokens(new)
    texts = {ask(client, messages=messages).message.content for messages in (old, new)}
    assert len(texts) == 1


def test_arguments_stream_as_they_are_written(client: LLMClient) -> None:
    with client.chat.completions.create(
        messages=WEATHER, tools=TOOLS, temperature=0, stream=True
    ) as stream:
        calls = [c.choices[0].delta.tool_calls for c in stream if c.choices[0].delta.tool_calls]
    names = [call[0].function.name for call in calls if call[0].function]
    assert names == ["get_weather"] + [None] * (len(calls) - 1)
    assert len(calls) > 3


def test_the_server_holds_what_the_client_holds(server: LocalServer) -> None:
    body = {"messages": WEATHER, "tools": TOOLS, "tool_choice": "required", "temperature": 0}
    message = send_json(server.url, "/v1/chat/completions", body).json["choices"][0]["message"]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"city": "Paris"}
    refused = send_json(server.url, "/v1/chat/completions", {**body, "tools": [
        {"name": "f", "parameters": {"type": "object", "not": {}}}]})  # fmt: skip
    assert refused.status == 400
    assert refused.json["error"]["param"] == "tools[0].function.parameters"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": {"type": "json_object"}, "guided_regex": "a"}, "guided_regex"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "json_schema.name"),
        ({"response_format": {"type": "json_object", "strict": True}}, "response_format"),
        ({"response_format": Size}, "response_format"),
        ({"grammar": 'start: "a"', "tools": TOOLS}, "grammar"),
        ({"tools": TOOLS, "functions": TOOLS}, "functions"),
        ({"tools": [TOOLS[0]] * 2}, "tools"),
        ({"tools": TOOLS, "tool_choice": "add"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"name": "sub"}}, "tool_choice"),
        ({"tools": TOOLS, "function_call": "auto"}, "function_call"),
        ({"functions": TOOLS, "function_call": "required"}, "function_call"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"guided_choice": ["a"]}, "guided_choice"),
        ({"adapter": "none"}, "adapter"),
        ({"overflow": "wrap"}, "overflow"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_honoured_is_named(
    client: LLMClient, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        ask(client, **fields)
    assert caught.value.body["param"].endswith(param)


def test_an_echoed_prompt_comes_with_its_scores(client: LLMClient) -> None:
    fields: dict[str, Any] = {"prompt": "Once upon a time", "echo": True, "logprobs": 2,
                              "max_tokens": 3, "temperature": 0}  # fmt: skip
    choice = client.completions.create(**fields).choices[0]
    scores = choice.logprobs
    assert scores
    assert scores.tokens
    assert "".join(scores.tokens) == choice.text
    assert scores.text_offset == [
        len("".join(scores.tokens[:i])) for i in range(len(scores.tokens))
    ]
    assert scores.token_logprobs
    assert scores.token_logprobs[0] is None
    assert all(score is not None and score <= 0 for score in scores.token_logprobs[1:])
    with client.completions.create(**fields, stream=True) as stream:
        list(stream)
    assert stream.response is not None
    assert stream.response.choices[0] == choice


def test_a_prompt_alone_can_be_scored(client: LLMClient) -> None:
    choice = client.completions.create(
        prompt="Once upon a time", echo=True, logprobs=0, max_tokens=0
    ).choices[0]
    assert choice.text == "Once upon a time"
    assert choice.logprobs
    assert choice.finish_reason == "length"


REFUSES_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{% for m in messages %}{{ m.content }}{% endfor %}"
)


@pytest.mark.parametrize(
    ("template", "takes"), [(REFUSES_SYSTEM, False), (CHATML, True)], ids=["refuses", "takes"]
)
def test_a_template_may_refuse_the_systems_words(
    engine: LlamaCppEngine, template: str, takes: bool
) -> None:
    info = replace(engine.info, chat_template=template)
    prompter = Prompter(cast("Engine", SimpleNamespace(info=info)))
    assert prompter.takes_system == takes


def test_the_schema_is_told_where_the_template_takes_it() -> None:
    wanted = parse_chat({"messages": ANNA, "response_format": {"type": "json_object"}}, Defaults())
    said = "Answer with a JSON object."
    told = messages_with_schema(ANNA, wanted.output)
    assert told == [{"role": "system", "content": said}, *ANNA]
    (user,) = messages_with_schema(ANNA, wanted.output, takes_system=False)
    assert user == {"role": "user", "content": f"{said}\n{ANNA[0]['content']}"}
    (system, _) = messages_with_schema(
        [{"role": "system", "content": "Be brief."}, *ANNA], wanted.output
    )
    assert system["content"] == f"Be brief.\n{said}"
