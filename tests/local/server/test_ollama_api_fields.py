"""Requests of Ollama's API as OpenAI's fields, and what of them is refused."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from LLM.exceptions import InvalidRequestError, LLMServerError
from local_llm_kit.fields import MAX_TOKENS
from local_llm_kit.images import MAX_IMAGES
from local_llm_kit.server.ollama.durations import keep_alive_s
from local_llm_kit.server.ollama.embedding import read_embed, read_embeddings
from local_llm_kit.server.ollama.pieces import ChunkReader
from local_llm_kit.server.ollama.request import OllamaRequest, read_chat, read_generate

HELLO = [{"role": "user", "content": "Hello!"}]
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()


def chat(**fields: Any) -> OllamaRequest:
    return read_chat({"model": "tiny", "messages": HELLO} | fields)


def generate(**fields: Any) -> OllamaRequest:
    return read_generate({"model": "tiny", "prompt": "Hello!"} | fields)


def embed(**fields: Any) -> Any:
    return read_embed({"model": "tiny", "input": "Hello!"} | fields)


def embeddings(**fields: Any) -> Any:
    return read_embeddings({"model": "tiny", "prompt": "Hello!"} | fields)


def test_options_become_openais_fields() -> None:
    options = {"temperature": 0.5, "top_p": 0.8, "top_k": 5, "min_p": 0.1, "seed": 3, "stop": ["a"],
               "repeat_penalty": 1.2, "presence_penalty": 0.1, "frequency_penalty": 0.2,
               "num_predict": 9}  # fmt: skip
    found = chat(options=options).fields
    assert options.pop("num_predict") == found["max_tokens"]
    assert options.pop("repeat_penalty") == found["repetition_penalty"]
    assert options.items() <= found.items()


@pytest.mark.parametrize(
    ("options", "field", "expected"),
    [
        ({"num_predict": -1}, "max_tokens", None),
        ({"num_predict": -2}, "max_tokens", None),
        ({"num_predict": 0}, "max_tokens", None),
        ({"top_k": -1}, "top_k", 0),
        ({"temperature": None}, "temperature", None),
    ],
    ids=str,
)
def test_values_that_mean_none_set_none(options: Any, field: str, expected: Any) -> None:
    assert chat(options=options).fields.get(field) == expected


def test_a_raw_prompt_without_a_limit_goes_on_as_a_chat_does() -> None:
    asked = generate(raw=True)
    assert (asked.kind, asked.fields["max_tokens"]) == ("text", MAX_TOKENS)


def test_options_of_the_loading_have_no_effect_and_are_named() -> None:
    options = {"num_ctx": 8192, "num_gpu": -1, "num_thread": 4, "num_batch": 512, "main_gpu": 0,
               "num_keep": 4, "repeat_last_n": 64, "low_vram": False, "use_mmap": True,
               "numa": False, "mirostat": 0, "mirostat_tau": 5.0, "tfs_z": 1.0}  # fmt: skip
    ignored = chat(options=options).ignored
    silent = {"mirostat", "tfs_z"}  # at these values they say nothing
    assert ignored == sorted(ignored, key=ignored.index)
    assert set(ignored) == {f"options.{name}" for name in options.keys() - silent}


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ([1], "options"), ("x", "options"), ({"num_ctx": 0}, "num_ctx"),
        ({"num_ctx": 1 << 40}, "num_ctx"), ({"num_ctx": "big"}, "num_ctx"),
        ({"num_predict": -3}, "num_predict"), ({"num_predict": 1 << 40}, "num_predict"),
        ({"top_k": -2}, "top_k"), ({"repeat_penalty": 0}, "repeat_penalty"),
        ({"repeat_penalty": "x"}, "repeat_penalty"), ({"use_mmap": 1}, "use_mmap"),
        ({"mirostat": 2}, "mirostat"), ({"tfs_z": 0.5}, "tfs_z"), ({"typical_p": 0.2}, "typical_p"),
        ({"mirostat_tau": -1}, "mirostat_tau"), ({"num_ctxx": 1}, "num_ctxx"),
        ({"num_gpu": -2}, "num_gpu"), ({"num_thread": True}, "num_thread"),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_options_are_named(options: Any, name: str) -> None:
    for read in (chat, generate, embed, embeddings):
        with pytest.raises(InvalidRequestError, match=name) as caught:
            read(options=options)
        assert caught.value.status_code == 400


@pytest.mark.parametrize(
    ("read", "field", "value"),
    [
        (chat, "model", None), (chat, "model", ""), (chat, "model", 3), (chat, "model", "\udc00"),
        (chat, "messages", "hi"), (chat, "stream", 1), (chat, "format", "xml"),
        (chat, "format", 3), (chat, "think", "much"), (chat, "think", 1), (chat, "think", {}),
        (chat, "keep_alive", "soon"), (chat, "keep_alive", True), (chat, "shift", "no"),
        (chat, "truncate", 1), (chat, "prompt", "x"), (chat, "suffix", "x"),
        (generate, "prompt", 3), (generate, "system", []), (generate, "suffix", 3),
        (generate, "template", "{{ .Prompt }}"), (generate, "context", [1, 2]),
        (generate, "raw", "yes"), (generate, "width", 512), (generate, "messages", HELLO),
        (generate, "images", "x"), (generate, "images", ["@"]), (generate, "images", [3]),
        (generate, "images", [PIXEL] * (MAX_IMAGES + 1)),
        (embed, "input", 3), (embed, "input", [1, 2]), (embed, "input", ["x", None]),
        (embed, "input", ["x"] * 3000), (embed, "dimensions", 0), (embed, "truncate", "x"),
        (embed, "prompt", "x"), (embeddings, "prompt", ["x"]), (embeddings, "input", "x"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)[:20]),
)  # fmt: skip
def test_wrong_fields_are_named(read: Callable[..., Any], field: str, value: Any) -> None:
    with pytest.raises(InvalidRequestError, match=field) as caught:
        read(**{field: value})
    assert caught.value.status_code == 400


@pytest.mark.parametrize(
    "other", [{"system": "Be kind."}, {"images": [PIXEL]}, {"think": True}], ids=str
)
def test_a_raw_prompt_stands_alone(other: dict[str, Any]) -> None:
    for alone in ({"raw": True}, {"suffix": "the end"}):
        with pytest.raises(InvalidRequestError, match=next(iter(other))):
            generate(**alone, **other)


def test_a_gap_is_filled_without_a_template() -> None:
    asked = generate(suffix="the end")
    assert (asked.kind, asked.fields["prompt"], asked.fields["suffix"]) == (
        "text", "Hello!", "the end")  # fmt: skip
    assert "messages" not in asked.fields


def test_empty_fields_of_older_clients_say_nothing() -> None:
    asked = generate(suffix="", template="", context=[], system="", images=[], format="")
    assert asked.fields["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hello!"}]}
    ]
    assert "response_format" not in asked.fields


def test_messages_keep_what_they_say() -> None:
    call = {"id": "c1", "function": {"index": 0, "name": "look", "arguments": {"at": "x"}}}
    messages = [
        {"role": "user", "content": "Look!", "images": [PIXEL]},
        {"role": "assistant", "thinking": "Hm.", "tool_calls": [call]},
        {"role": "tool", "tool_name": "look", "tool_call_id": "c1", "content": "a cat"},
    ]
    user, assistant, tool = chat(messages=messages).fields["messages"]
    assert [part["type"] for part in user["content"]] == ["text", "image_url"]
    assert user["content"][1]["image_url"]["url"].endswith(PIXEL)
    assert assistant == {
        "role": "assistant", "content": "", "reasoning_content": "Hm.",
        "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": '{"at":"x"}'}}],
    }  # fmt: skip
    assert tool == {"role": "tool", "name": "look", "tool_call_id": "c1", "content": "a cat"}


def test_formats_and_thinking_are_read() -> None:
    schema = {"type": "object"}
    assert chat(format="json").fields["response_format"] == {"type": "json_object"}
    assert chat(format=schema).fields["json_schema"] == schema
    for value in (True, "high", False, None):
        assert chat(think=value).think == value


@pytest.mark.parametrize("read", [chat, generate])
@pytest.mark.parametrize(
    ("keep_alive", "unloads"), [(None, False), (0, True), ("0", True), ("5m", False), (-1, False)]
)
def test_without_a_prompt_a_model_is_loaded_or_unloaded(
    read: Callable[..., OllamaRequest], keep_alive: Any, unloads: bool
) -> None:
    asked = read(messages=[], keep_alive=keep_alive) if read is chat else read(
        prompt="", keep_alive=keep_alive)  # fmt: skip
    assert (asked.kind, asked.unloads) == ("none", unloads)
    assert ("keep_alive" in asked.ignored) == (not unloads and keep_alive is not None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0), (300, 300), (-1, -1), (2.5, 2.5), ("10m", 600), ("1h30m", 5400), ("-1s", -1),
        ("+2s", 2), ("300ms", 0.3), ("1.5h", 5400), ("0", 0), ("-0", 0), ("1m2s3ms", 62.003),
    ],
    ids=str,
)  # fmt: skip
def test_durations_are_gos(value: Any, seconds: float) -> None:
    assert keep_alive_s(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value",
    ["", "-", "5", "m", "5 m", "5mm", "1e3s", "٣s", "s5", [], {}, True, 1e300, 10**400,
     float("nan"), "1s" * 100],
    ids=lambda value: str(value)[:12],
)  # fmt: skip
def test_what_is_no_duration_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequestError, match="keep_alive must be"):
        keep_alive_s(value)


def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"model": "m", "choices": [{"delta": delta, "finish_reason": reason, "logprobs": None}]}


def call_part(index: int, arguments: str, name: str | None = None) -> dict[str, Any]:
    head = {"id": f"c{index}"} if name else {}
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"tool_calls": [{"index": index, **head, "function": function}]}


def test_calls_are_told_once_they_are_whole() -> None:
    reader = ChunkReader()
    assert not reader.read([chunk(call_part(0, '{"a":', "one"))])
    second = reader.read([chunk(call_part(0, "1}")), chunk(call_part(1, "", "two"))])
    last = reader.read([chunk({}, "tool_calls")])
    assert second.calls == [{"id": "c0", "function": {"index": 0, "name": "one",
                                                      "arguments": {"a": 1}}}]  # fmt: skip
    assert last.calls[0]["function"] == {"index": 1, "name": "two", "arguments": {}}


def test_arguments_that_are_no_object_are_an_error_unless_they_were_cut() -> None:
    parts = [chunk(call_part(0, "[1]", "one"))]
    with pytest.raises(LLMServerError, match="'one'"):
        ChunkReader().read([*parts, chunk({}, "tool_calls")])
    assert ChunkReader().read([*parts, chunk({}, "length")]).calls == []
