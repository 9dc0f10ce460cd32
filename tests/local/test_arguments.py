"""What a call may ask for: every wrong or unsupported argument is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from LLM import InvalidRequestError, Message
from local_llm_kit.arguments import Defaults, parse_chat, parse_completion

MESSAGES = [{"role": "user", "content": "Hi"}]
TOOL = {"type": "function", "function": {"name": "f"}}


def chat(**fields: Any) -> Any:
    return parse_chat({"messages": MESSAGES, **fields}, Defaults())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 2.1), ("temperature", -0.1), ("temperature", "hot"), ("temperature", True),
        ("temperature", float("nan")), ("temperature", 10**400), ("top_p", 0), ("top_p", 1.01),
        ("min_p", 2), ("top_k", -1), ("n", 0), ("n", 9), ("n", 1.5), ("max_tokens", -1),
        ("max_tokens", 10**30), ("max_completion_tokens", -1), ("seed", "x"), ("seed", 1 << 63),
        ("stop", [""]), ("stop", ["a"] * 5), ("stop", 7), ("stop", "x" * 2000), ("stop", "\ud800"),
        ("logit_bias", [1]), ("logit_bias", {"x": 1}), ("logit_bias", {"1": 101}),
        ("logit_bias", {str(i): 1 for i in range(2000)}), ("logprobs", 3), ("top_logprobs", 2),
        ("repetition_penalty", 0), ("frequency_penalty", 3), ("presence_penalty", -3),
        ("stream", "yes"), ("stream_options", {"include_usage": 1}), ("stream_options", []),
        ("model", 3), ("modalities", ["audio"]), ("modalities", "text"), ("modalities", []),
        ("response_format", {"type": "xml"}), ("response_format", {"type": "json_schema"}),
        ("response_format", "text"), ("tool_choice", "required"), ("tool_choice", "auto"),
        ("tools", {}), ("tools", [{}]), ("tools", [TOOL] * 129), ("parallel_tool_calls", False),
        ("functions", {}), ("prompt", "x"), ("chat_template_kwargs", {}),
        ("user", 7), ("metadata", "x"), ("store", 1), ("audio", "wav"), ("prediction", "x"),
        ("reasoning_effort", 3), ("verbosity", "x" * 5000), ("logit_bias", {"x": True}),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_what_is_wrong_is_named(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequestError, match=name) as caught:
        chat(**{name: value})
    assert caught.value.status_code == 400
    assert caught.value.body["param"].startswith(name)


@pytest.mark.parametrize(
    "messages",
    [
        None, "hi", [], [7], [{}], [{"role": "user"}], [{"role": "robot", "content": "x"}],
        [{"role": "user", "content": 7}], [{"role": "user", "content": [{"type": "image_url"}]}],
        [{"role": "user", "content": "\udc00"}], [{"role": "user", "content": "x", "weight": 1}],
        [{"role": "user", "content": "x", "tool_calls": [{}]}], MESSAGES * 5000,
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_wrong_messages_are_named(messages: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        chat(messages=messages)
    assert caught.value.body["param"].startswith("messages")


def test_an_error_never_shows_what_a_message_says() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        chat(messages=[{"role": "user", "content": {"secret": "prompt"}}])
    assert "secret" not in str(caught.value)


def test_null_means_left_out() -> None:
    assert chat(temperature=None, stop=None, tools=None, response_format=None) == chat()


def test_bookkeeping_and_hints_are_taken_and_named_as_ignored() -> None:
    hints = {"user": "u", "metadata": {"a": "b"}, "store": True, "reasoning_effort": "low",
             "audio": {"voice": "alloy"}, "web_search_options": {}}  # fmt: skip
    taken = chat(modalities=["text"], **hints)
    assert set(taken.ignored) == set(hints)
    assert replace(taken, ignored=()) == chat()


def test_options_of_a_stream_are_ignored_where_there_is_none() -> None:
    taken = chat(stream_options={"include_usage": True})
    assert (taken.ignored, taken.include_usage) == (("stream_options",), False)
    assert chat(stream=True, stream_options={"include_usage": True}).ignored == ()


def test_a_bias_of_zero_changes_nothing_whatever_it_names() -> None:
    assert chat(logit_bias={"foo": 0, "7": 0.0}) == chat()


def test_an_answer_may_have_no_tokens() -> None:
    assert chat(max_tokens=0).max_tokens == 0


def test_tools_by_both_names_are_taken_where_none_may_be_called() -> None:
    both = {"tools": [TOOL], "functions": [{"name": "f"}], "function_call": "none"}
    assert chat(**both, tool_choice="none") == chat()
    with pytest.raises(InvalidRequestError, match="give one of both"):
        chat(**both)
    with pytest.raises(InvalidRequestError, match="functions"):
        chat(**both | {"functions": [{"name": 7}]}, tool_choice="none")


def test_the_newer_name_of_max_tokens_wins() -> None:
    assert chat(max_tokens=5, max_completion_tokens=7).max_tokens == 7


def test_messages_may_be_objects_and_text_parts() -> None:
    parts = [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]
    assert chat(messages=[Message(role="user", content=parts)]).messages == MESSAGES


def test_a_tool_call_in_a_message_gives_its_template_an_object() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    message = chat(messages=[{"role": "assistant", "tool_calls": [call]}]).messages[0]
    assert message["content"] == ""
    assert message["tool_calls"][0]["function"]["arguments"] == {"a": 1}


def test_flat_and_nested_tools_are_the_same() -> None:
    flat = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    nested = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    assert chat(tools=[flat]).tools == chat(tools=[nested]).tools


def test_tool_choice_none_hides_the_tools() -> None:
    assert chat(tools=[TOOL], tool_choice="none").tools is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("suffix", 7), ("suffix", "\ud800"), ("best_of", 2), ("best_of", -1),
        ("prompt", None), ("prompt", []), ("prompt", [[]]),
        ("prompt", ["a", 7]), ("prompt", {"a": 1}), ("prompt", ["a"] * 65), ("prompt", [-1]),
        ("prompt", "\ud83d"), ("max_tokens", -1), ("logprobs", True), ("logprobs", 21),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_a_wrong_argument_of_a_completion_is_named(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequestError, match=name):
        parse_completion({"prompt": "Hi", name: value}, Defaults())


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], [[1, 2]]), ([[1], [2]], [[1], [2]])],
)
def test_a_prompt_has_four_forms(prompt: Any, prompts: Any) -> None:
    assert parse_completion({"prompt": prompt}, Defaults()).prompts == prompts


def test_best_of_may_be_what_n_is() -> None:
    plain = parse_completion({"prompt": "a", "n": 2}, Defaults())
    for best_of in (0, 2):
        body = {"prompt": "a", "n": 2, "best_of": best_of}
        assert parse_completion(body, Defaults()) == plain


def test_an_echo_has_no_scores_with_a_suffix() -> None:
    body = {"prompt": "a", "suffix": "b", "echo": True}
    assert parse_completion(body, Defaults()).suffix == "b"
    with pytest.raises(InvalidRequestError, match="suffix"):
        parse_completion({**body, "logprobs": 0}, Defaults())


def test_a_completion_writes_sixteen_tokens_unless_told() -> None:
    assert parse_completion({"prompt": "a"}, Defaults()).max_tokens == 16
    assert parse_completion({"prompt": "a", "max_tokens": 0}, Defaults()).max_tokens == 0


@pytest.mark.parametrize("value", [1e-320, 0, 0.001, 11])
def test_a_penalty_that_would_overflow_is_refused(value: float) -> None:
    body = {"messages": [{"role": "user", "content": "a"}], "repetition_penalty": value}
    with pytest.raises(InvalidRequestError, match="repetition_penalty"):
        parse_chat(body, Defaults())


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("max_token", "max_tokens"), ("temprature", "temperature"), ("tool", "tools")],
)
def test_a_misspelt_argument_is_told_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"unknown argument '{wrong}'; .* '{right}'"):
        chat(**{wrong: 1})


def test_a_format_with_wrong_fields_is_told_its_shape() -> None:
    flat = {"type": "json_schema", "schema": {"type": "object"}}
    with pytest.raises(InvalidRequestError, match="type 'json_schema' must have this shape"):
        chat(response_format=flat)


@pytest.mark.parametrize("name", ["f g", "a<|im_end|>", "a\n", "{{7*7}}", ""])
def test_a_tool_name_that_is_no_name_is_refused(name: str) -> None:
    body = {
        "messages": [{"role": "user", "content": "a"}],
        "tools": [{"type": "function", "function": {"name": name}}],
    }
    with pytest.raises(InvalidRequestError, match=r"tools\[0\].function.name"):
        parse_chat(body, Defaults())
