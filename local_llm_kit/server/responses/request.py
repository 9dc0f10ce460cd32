"""The body of a request for a response, as the fields of a chat completion.

What a model of this machine cannot do and would change the answer is refused by name: hosted
tools, files, prompt templates and conversations of OpenAI's platform.

Source: OpenAI's API reference, ``POST /v1/responses``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_llm_kit.arguments import MAX_LOGPROBS, Defaults
from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import MAX_TOKENS, Fields, check_text, invalid, unsupported
from local_llm_kit.hints import HintKind, ignore_hints
from local_llm_kit.server.metadata import checked_metadata
from local_llm_kit.server.responses.items import MAX_ID_CHARS
from local_llm_kit.server.responses.text_format import response_format, take_text_format
from local_llm_kit.server.responses.tools import echoed_choice, echoed_tools, take_tools
from local_llm_kit.server.shapes import IN_CHUNKS

#: Taken, and without effect on the answer.
HINTS: Mapping[str, HintKind] = {
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
#: Of those, what a response repeats; its schema bounds the second.
_REPEATED = ("prompt_cache_key", "safety_identifier", "user")
MAX_SAFETY_IDENTIFIER_CHARS = 64
#: Beside OpenAI's own fields: those of our chat completions.
FURTHER = ("adapter", "frequency_penalty", "logit_bias", "min_p", "presence_penalty",
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


@dataclass(frozen=True, slots=True)
class ResponseRequest:
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


def parse_response(body: JSONObject, defaults: Defaults) -> ResponseRequest:
    """Check a body.

    :raises InvalidRequestError: names the argument.
    """
    fields = Fields(body)
    ignore_hints(fields, HINTS)
    if len(body.get("safety_identifier") or "") > MAX_SAFETY_IDENTIFIER_CHARS:
        raise invalid(
            "safety_identifier",
            f"safety_identifier must have at most {MAX_SAFETY_IDENTIFIER_CHARS} characters",
        )
    given = fields.take("input")
    previous_id = _id(fields, "previous_response_id")
    instructions = _text(fields, "instructions")
    stream, background = bool(fields.flag("stream")), bool(fields.flag("background"))
    store = fields.flag("store") is not False
    _check_background(background, stream, store)
    chat, told = _generation(fields, defaults)
    offered, told_tools = _tools(fields)
    echo = {
        "background": background,
        "instructions": instructions,
        "max_tool_calls": _max_tool_calls(fields),
        "metadata": checked_metadata(fields.take("metadata")),
        "previous_response_id": previous_id,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": store,
        **told,
        **told_tools,
        **{name: body[name] for name in _REPEATED if body.get(name) is not None},
    }
    _ignore_stream_options(fields)
    fields.done(_ADVICE)
    return ResponseRequest(
        input=given,
        previous_id=previous_id,
        instructions=instructions,
        fields=chat | offered,
        model=chat["model"],
        echo=echo,
        stream=stream,
        store=store,
        background=background,
        ignored=tuple(fields.ignored),
    )


def _generation(fields: Fields, defaults: Defaults) -> tuple[JSONObject, JSONObject]:
    """How the answer is made: as a chat completion takes it, and as a response repeats it."""
    limit = fields.integer("max_output_tokens", 1, MAX_TOKENS)
    temperature = fields.number("temperature", defaults.temperature, 0, 2)
    top_p = fields.number("top_p", defaults.top_p, 0, 1)
    text_format = take_text_format(fields)
    n_top, scores = fields.integer("top_logprobs", 0, MAX_LOGPROBS) or 0, _wants_scores(fields)
    truncation = _truncation(fields.take("truncation"))
    chat: JSONObject = {
        "model": fields.text("model"),
        "max_tokens": limit,
        "temperature": temperature,
        "top_p": top_p,
        "response_format": response_format(text_format),
        "overflow": "drop_oldest" if truncation == "auto" else "error",
        **IN_CHUNKS,
        **{name: fields.take(name) for name in FURTHER},
    }
    if scores or n_top:
        chat |= {"logprobs": True, "top_logprobs": n_top}
    return chat, {
        "max_output_tokens": limit,
        "temperature": temperature,
        "text": {"format": text_format},
        "top_logprobs": n_top,
        "top_p": top_p,
        "truncation": truncation,
    }


def _tools(fields: Fields) -> tuple[JSONObject, JSONObject]:
    """The tools, as a chat completion takes them and as a response repeats them."""
    tools, choice, parallel = take_tools(fields)
    offered = {"tools": tools, "tool_choice": choice, "parallel_tool_calls": parallel}
    if not tools and choice in (None, "auto", "none"):
        offered = {}  # of which a chat completion wants no word, where no tools are
    return offered, {
        "parallel_tool_calls": parallel is not False,
        "tool_choice": echoed_choice(choice),
        "tools": echoed_tools(tools),
    }


def _max_tool_calls(fields: Fields) -> int | None:
    """The bound on calls of hosted tools, of which there are none."""
    most = fields.integer("max_tool_calls", 0, MAX_TOKENS)
    if most is not None:
        fields.ignored.append("max_tool_calls")
    return most


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


def _ignore_stream_options(fields: Fields) -> None:
    options = fields.take("stream_options")
    if options is None:
        return
    if not isinstance(options, dict) or not set(options) <= {"include_obfuscation"}:
        raise invalid("stream_options", "stream_options takes include_obfuscation")
    if not isinstance(options.get("include_obfuscation"), bool | None):
        raise invalid("stream_options", "stream_options.include_obfuscation must be true or false")
    fields.ignored.append("stream_options")
