"""The body of a request for a response, as the fields of a chat completion.

What a model of this machine cannot do and would change the answer is refused by name: hosted
tools, files, prompt templates and conversations of OpenAI's platform.

Source: OpenAI's API reference, ``POST /v1/responses``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from LLM.exceptions import InvalidRequestError
from local_llm_kit.arguments import MAX_LOGPROBS, Defaults
from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import MAX_TOKENS, Fields, check_text, invalid, unsupported
from local_llm_kit.hints import HintKind, ignore_hints
from local_llm_kit.server.responses.items import MAX_ID_CHARS
from local_llm_kit.server.responses.tools import echoed_choice, echoed_tools, take_tools

#: Taken, and without effect on the answer.
_HINTS: Mapping[str, HintKind] = {
    "access_programs": "object",
    "background_options": "object",
    "image": "object",
    "moderation": "object",
    "personality": "text",
    "prompt_cache_key": "text",
    "prompt_cache_options": "object",
    "prompt_cache_retention": "text",
    "reasoning": "object",
    "safety_identifier": "text",
    "service_tier": "text",
    "user": "text",
}
#: Of those, what a response repeats.
_REPEATED = ("prompt_cache_key", "safety_identifier", "user")
#: Beside OpenAI's own fields: those of our chat completions.
_FURTHER = ("adapter", "frequency_penalty", "logit_bias", "min_p", "presence_penalty",
            "repetition_penalty", "seed", "stop", "top_k")  # fmt: skip
_ADVICE = {
    "context_management": "use truncation 'auto', which leaves the oldest turns out",
    "conversation": "use previous_response_id, or send the conversation as input",
    "messages": "send them as input",
    "n": "send several requests",
    "prompt": "its templates are kept on OpenAI's platform; send the text as input",
    "response_format": "use text.format",
    "max_tokens": "use max_output_tokens",
}
_LOGPROBS = "message.output_text.logprobs"
#: The others are parts of what hosted tools answer, of which there is nothing; or of images in the
#: input; or for reasoning that is sent in plain text here.
_INCLUDES = frozenset(
    (_LOGPROBS, "code_interpreter_call.outputs", "computer_call_output.output.image_url",
     "file_search_call.results", "message.input_image.image_url", "reasoning.encrypted_content",
     "web_search_call.action.sources", "web_search_call.results")
)  # fmt: skip
MAX_METADATA = 16
MAX_METADATA_KEY_CHARS = 64
MAX_METADATA_CHARS = 512


@dataclass(frozen=True, slots=True)
class Create:
    """A request for a response, checked as far as that can be done without its conversation.

    :param input: as it was given.
    :param previous_id: the response that it goes on from; None for none.
    :param instructions: the system's words for this turn alone.
    :param fields: of the chat completion, but for the messages.
    :param model: the model asked for; None means whichever there is.
    :param echo: what the response repeats.
    :param store: whether the response is kept.
    :param background: whether it is made while nobody waits for it.
    :param ignored: names of the arguments that have no effect.
    """

    input: Any
    previous_id: str | None
    instructions: str | None
    fields: JSONObject
    model: str | None
    echo: JSONObject
    stream: bool
    store: bool
    background: bool
    ignored: tuple[str, ...]


def parse_create(body: JSONObject, defaults: Defaults) -> Create:
    """Check a body.

    :raises InvalidRequestError: names the argument.
    """
    fields = Fields(body)
    ignore_hints(fields, _HINTS)
    given = fields.take("input")
    previous_id = _id(fields, "previous_response_id")
    instructions = _text(fields, "instructions")
    stream, background = bool(fields.flag("stream")), bool(fields.flag("background"))
    store = fields.flag("store") is not False
    _check_background(background, stream, store)
    chat: JSONObject = {
        "model": fields.text("model"),
        "max_tokens": fields.integer("max_output_tokens", 1, MAX_TOKENS),
        "temperature": fields.number("temperature", defaults.temperature, 0, 2),
        "top_p": fields.number("top_p", defaults.top_p, 0, 1),
        # Of whole answers too: only chunks tell in which order text and calls came.
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: fields.take(name) for name in _FURTHER},
    }
    text_format = _text_format(fields)
    chat["response_format"] = _response_format(text_format)
    n_top, scores = fields.integer("top_logprobs", 0, MAX_LOGPROBS), _wants_scores(fields)
    if scores or n_top:
        chat |= {"logprobs": True, "top_logprobs": n_top or 0}
    truncation = _truncation(fields.take("truncation"))
    chat["overflow"] = "drop_oldest" if truncation == "auto" else "error"
    tools, choice, parallel = take_tools(fields)
    chat |= _offered(tools, choice, parallel)
    echo = {
        "background": background,
        "instructions": instructions,
        "max_output_tokens": chat["max_tokens"],
        "max_tool_calls": fields.integer("max_tool_calls", 0, MAX_TOKENS),
        "metadata": _metadata(fields.take("metadata")),
        "parallel_tool_calls": parallel is not False,
        "previous_response_id": previous_id,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": store,
        "temperature": chat["temperature"],
        "text": {"format": text_format},
        "tool_choice": echoed_choice(choice),
        "tools": echoed_tools(tools),
        "top_logprobs": n_top or 0,
        "top_p": chat["top_p"],
        "truncation": truncation,
        **{name: body[name] for name in _REPEATED if body.get(name) is not None},
    }
    if (
        echo["max_tool_calls"] is not None
    ):  # a bound on hosted tools' calls, of which there are none
        fields.ignored.append("max_tool_calls")
    _ignore_stream_options(fields)
    fields.done(_ADVICE)
    return Create(
        given, previous_id, instructions, chat, chat["model"], echo, stream, store, background,
        tuple(fields.ignored),
    )  # fmt: skip


def _id(fields: Fields, name: str) -> str | None:
    value = fields.text(name)
    if value is not None and not 0 < len(value) <= MAX_ID_CHARS:
        raise invalid(name, f"{name} must have 1 to {MAX_ID_CHARS} characters")
    return value


def _text(fields: Fields, name: str) -> str | None:
    value = fields.text(name)
    if value is not None:
        check_text(name, value)
    return value


def _check_background(background: bool, stream: bool, store: bool) -> None:
    if background and stream:
        raise unsupported(
            "stream", "a response in the background is not streamed; leave stream out and poll it"
        )
    if background and not store:
        raise invalid("store", "a response in the background is polled, and so must be stored")


def _text_format(fields: Fields) -> JSONObject:
    """`text.format`, checked as far as it is not a schema."""
    text = fields.take("text")
    if text is None:
        return {"type": "text"}
    if not isinstance(text, dict) or not set(text) <= {"format", "verbosity"}:
        raise invalid("text", "text must be an object of format and verbosity")
    if text.get("verbosity") is not None:
        if not isinstance(text["verbosity"], str):
            raise invalid("text.verbosity", "text.verbosity must be text")
        fields.ignored.append("text.verbosity")
    given = text.get("format")
    if given is None:
        return {"type": "text"}
    kind = given.get("type") if isinstance(given, dict) else None
    known = {"type", "name", "schema", "strict", "description"}
    if kind in ("text", "json_object") and set(given) == {"type"}:
        return {"type": kind}
    if (
        kind != "json_schema"
        or not set(given) <= known
        or not isinstance(given.get("schema"), dict)
    ):
        raise invalid(
            "text.format",
            "text.format must be {'type': 'text'}, {'type': 'json_object'} or "
            "{'type': 'json_schema', 'name': …, 'schema': …}, with strict and description or not",
        )
    return {name: value for name, value in given.items() if value is not None}


def _response_format(text_format: JSONObject) -> JSONObject:
    if text_format["type"] != "json_schema":
        return text_format
    schema = {name: value for name, value in text_format.items() if name != "type"}
    return {"type": "json_schema", "json_schema": schema}


def _wants_scores(fields: Fields) -> bool:
    include = fields.take("include")
    if include is None:
        return False
    if not isinstance(include, list) or len(include) > 64:
        raise invalid("include", "include must be a list of names")
    for name in include:
        if not isinstance(name, str) or name not in _INCLUDES:
            raise invalid("include", f"include has an unknown name; there are {sorted(_INCLUDES)}")
    return _LOGPROBS in include


def _truncation(value: Any) -> str:
    if value not in (None, "auto", "disabled"):
        raise invalid("truncation", "truncation must be 'auto' or 'disabled'")
    return value or "disabled"


def _metadata(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAX_METADATA:
        raise invalid("metadata", f"metadata must be an object of at most {MAX_METADATA} texts")
    for key, text in value.items():
        if len(key) > MAX_METADATA_KEY_CHARS or not isinstance(text, str):
            raise invalid("metadata", f"metadata must map keys of at most {MAX_METADATA_KEY_CHARS} "
                          "characters to texts")  # fmt: skip
        if len(text) > MAX_METADATA_CHARS:
            raise invalid(
                "metadata", f"metadata has a text of more than {MAX_METADATA_CHARS} characters"
            )
    return value


def _offered(tools: list[JSONObject], choice: Any, parallel: bool | None) -> JSONObject:
    """The tools as a chat completion takes them, which wants no word of them where none is."""
    if not tools and choice in (None, "auto", "none"):
        return {}
    return {"tools": tools, "tool_choice": choice, "parallel_tool_calls": parallel}


def _ignore_stream_options(fields: Fields) -> None:
    options = fields.take("stream_options")
    if options is None:
        return
    if not isinstance(options, dict) or not set(options) <= {"include_obfuscation"}:
        raise invalid("stream_options", "stream_options takes include_obfuscation")
    if not isinstance(options.get("include_obfuscation"), bool | None):
        raise invalid("stream_options", "stream_options.include_obfuscation must be true or false")
    fields.ignored.append("stream_options")


_CHAT_NAMES = (
    (re.compile(r"response_format(\.json_schema)?"), "text.format"),
    (re.compile(r"\bmax_tokens\b"), "max_output_tokens"),
    (re.compile(r"(tools\[\d+\])\.function\b"), r"\1"),
    (re.compile(r"\bmessages\[\d+\](\.content)?(\[\d+\])?"), "input"),
    (re.compile(r"\bmessages\b"), "input"),
)


@contextmanager
def own_names() -> Iterator[None]:
    """Errors about fields of a chat completion name those of this API instead.

    :raises InvalidRequestError: as it was raised, but for the names.
    """
    try:
        yield
    except InvalidRequestError as err:
        body = err.body if isinstance(err.body, dict) else {}
        param = body.get("param")
        for pattern, name in _CHAT_NAMES:
            err.message = pattern.sub(name, err.message)
            param = pattern.sub(name, param) if isinstance(param, str) else param
        err.args = (err.message,)
        err.body = {**body, "message": err.message, "param": param}
        raise
