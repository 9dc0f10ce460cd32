"""What is sent to an Ollama server, and what is refused before anything is."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from LLM.exceptions import (
    InvalidRequestError,
)
from local_llm_kit.arguments import ChatArguments, CompletionArguments
from local_llm_kit.engines.ollama import OllamaModel
from tests.local.ollama.fake import (
    SHOWN,
    FakeOllama,
)
from tests.local.ollama.support import HELLO, SCHEMA, TOOLS, chat, complete, load

pytestmark = pytest.mark.slow


def test_the_window_is_sent_with_every_call_and_cutting_forbidden(
    fake: FakeOllama, model: OllamaModel
) -> None:
    chat(model)
    complete(model, prompt="Once")
    for path in ("/api/chat", "/api/generate"):
        (body,) = fake.bodies(path)
        assert body["options"]["num_ctx"] == model.info.context_length == 512
        assert (body["truncate"], body["shift"]) == (False, False)


def test_every_sampling_argument_is_sent(fake: FakeOllama, model: OllamaModel) -> None:
    chat(model, temperature=0.0, top_p=0.5, top_k=7, min_p=0.1, repetition_penalty=1.2, seed=5,
         presence_penalty=0.3, frequency_penalty=0.4, max_tokens=9, stop=["END"])  # fmt: skip
    assert fake.bodies("/api/chat")[0]["options"] == {
        "temperature": 0.0, "top_p": 0.5, "top_k": 7, "min_p": 0.1, "repeat_penalty": 1.2,
        "presence_penalty": 0.3, "frequency_penalty": 0.4, "num_predict": 9, "seed": 5,
        "num_ctx": 512, "stop": ["END", "<|im_end|>"],
    }  # fmt: skip


def test_without_stops_the_models_own_are_left_in_force(
    fake: FakeOllama, model: OllamaModel
) -> None:
    chat(model)
    assert "stop" not in fake.bodies("/api/chat")[0]["options"]


def test_an_answer_without_a_limit_ends_with_the_window(
    fake: FakeOllama, model: OllamaModel
) -> None:
    chat(model)
    assert fake.bodies("/api/chat")[0]["options"]["num_predict"] == 512


def test_several_choices_are_several_requests_with_seeds_of_their_own(
    fake: FakeOllama, model: OllamaModel
) -> None:
    answer = chat(model, n=3, seed=-1)
    seeds = sorted(body["options"]["seed"] for body in fake.bodies("/api/chat"))
    assert seeds == [0, 1, (1 << 31) - 1]
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert answer["usage"]["prompt_tokens"] == 7
    assert answer["usage"]["completion_tokens"] == 9


def test_schemas_of_tools_arrive_whole(fake: FakeOllama, model: OllamaModel) -> None:
    chat(model, tools=TOOLS)
    sent = fake.bodies("/api/chat")[0]["tools"][0]["function"]["parameters"]
    assert sent == SCHEMA


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, "json"),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}, SCHEMA),
    ],
    ids=["text", "json_object", "json_schema"],
)
def test_formats_are_sent_and_told_to_the_model(
    fake: FakeOllama, model: OllamaModel, wanted: dict[str, Any], sent: Any
) -> None:
    chat(model, response_format=wanted)
    (body,) = fake.bodies("/api/chat")
    assert body.get("format") == sent
    assert (body["messages"][0]["role"] == "system") is (sent is not None)


def test_only_tools_that_may_be_called_are_sent(fake: FakeOllama, model: OllamaModel) -> None:
    other = {"type": "function", "function": {"name": "wait", "parameters": {}}}
    allowed = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "look"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    chat(model, tools=[*TOOLS, other], tool_choice=choice)
    sent = [tool["function"]["name"] for tool in fake.bodies("/api/chat")[0]["tools"]]
    assert sent == ["look"]


def test_a_tools_result_names_its_tool_and_its_call(fake: FakeOllama, model: OllamaModel) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"x":1}'}}
    chat(model, messages=[
        *HELLO, {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ])  # fmt: skip
    _, asked, result = fake.bodies("/api/chat")[0]["messages"]
    assert asked["tool_calls"] == [
        {"id": "c1", "function": {"name": "look", "arguments": {"x": 1}}}
    ]
    assert result == {
        "role": "tool", "content": "sunny", "tool_name": "look", "tool_call_id": "c1",
    }  # fmt: skip


def test_a_prompt_is_completed_as_it_is(fake: FakeOllama, model: OllamaModel) -> None:
    answer = complete(model, prompt=["One", "Two"], echo=True, n=2)
    assert {(body["raw"], body["think"]) for body in fake.bodies("/api/generate")} == {
        (True, False)
    }
    texts = [choice["text"] for choice in answer["choices"]]
    assert texts == ["Onea text", "Onea text", "Twoa text", "Twoa text"]


def test_keep_alive_is_sent_with_calls(fake: FakeOllama) -> None:
    model = load(fake, keep_alive="10m")
    chat(model)
    model.close()
    assert fake.bodies("/api/chat")[0]["keep_alive"] == "10m"


@pytest.mark.parametrize(
    ("arguments", "param"),
    [
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"adapter": "mine"}, "adapter"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"overflow": "drop_oldest"}, "overflow"),
        ({"response_format": {"type": "regex", "regex": "a+"}}, "response_format"),
        ({"tools": TOOLS, "tool_choice": "required"}, "tool_choice"),
        ({"tools": TOOLS, "parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"tools": TOOLS, "response_format": {"type": "json_object"}}, "response_format"),
        ({"functions": [TOOLS[0]["function"]]}, "functions"),
        (
            {
                "messages": [*HELLO, {"role": "assistant", "content": "A"}],
                "continue_final_message": True,
            },
            "continue_final_message",
        ),
        ({"messages": [{"role": "user", "content": "x", "name": "Ann"}]}, "messages[0].name"),
    ],
    ids=[
        "logit_bias",
        "adapter",
        "no tokens",
        "overflow",
        "regex",
        "tool_choice",
        "parallel_tool_calls",
        "tools and format",
        "functions",
        "continued",
        "name",
    ],
)
def test_what_ollama_cannot_honour_is_refused_by_name(
    fake: FakeOllama, model: OllamaModel, arguments: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequestError, match="not supported by the ollama") as caught:
        chat(model, **arguments)
    assert caught.value.body["param"] == param
    assert fake.bodies("/api/chat") == []


@pytest.mark.parametrize(
    ("arguments", "param"),
    [
        ({"prompt": [1, 2, 3]}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "x", "echo": True, "logprobs": 1}, "echo"),
        ({"prompt": "x", "suffix": "y"}, "suffix"),
    ],
    ids=["token ids", "empty", "no tokens", "scores of the prompt", "a gap"],
)
def test_a_prompt_that_ollama_cannot_take_is_refused(
    model: OllamaModel, arguments: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        complete(model, **arguments)
    assert caught.value.body["param"] == param


@pytest.mark.parametrize("what", ["tokenize", "count_tokens", "detokenize"])
def test_there_is_no_tokenizer_and_it_is_told_what_to_do(model: OllamaModel, what: str) -> None:
    argument: Any = {"tokenize": "x", "count_tokens": HELLO, "detokenize": [1]}[what]
    with pytest.raises(InvalidRequestError, match=f"{what} is not supported.*llama.cpp"):
        getattr(model, what)(argument)


def test_tools_need_a_model_that_calls_them(fake: FakeOllama) -> None:
    fake.models["tiny"] = SHOWN | {"capabilities": ["completion"]}
    model = load(fake)
    with pytest.raises(InvalidRequestError, match="was not made to call tools"):
        chat(model, tools=TOOLS)
    model.close()


def test_no_argument_is_passed_over() -> None:
    common = {
        "model", "stream", "include_usage", "n", "max_tokens", "stop", "sampling", "output",
        "adapter", "ignored",
    }  # fmt: skip
    chat_only = {"messages", "tools", "tool_choice", "overflow", "continues", "think"}
    assert {field.name for field in fields(ChatArguments)} == common | chat_only
    text_only = {"prompts", "echo", "suffix"}
    assert {field.name for field in fields(CompletionArguments)} == common | text_only
