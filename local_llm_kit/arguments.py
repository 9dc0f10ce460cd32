"""The arguments of a completion, checked: what OpenAI's API takes, and what it calls wrong.

One place for the client in process and for the server, so that both refuse the same things with
the same words. An argument that cannot be honoured is refused by name, never dropped; `HARMLESS`
lists the ones that say nothing about the answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from LLM.exceptions import InvalidRequestError
from local_llm_kit.engines.protocol import SamplingParams
from local_llm_kit.messages import normalise_messages, normalise_tools

#: Accepted and without effect on the answer: bookkeeping of OpenAI's platform.
HARMLESS = frozenset(
    ("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key")
)
#: What to say about arguments that people use and that are not honoured.
_NOT_YET = {
    "functions": "use tools",
    "function_call": "use tools",
    "parallel_tool_calls": "the model decides how many calls it makes",
    "suffix": "only the text before the gap can be given",
    "best_of": "use n and choose",
    "audio": "the model writes text only",
    "prediction": "leave it out",
    "reasoning_effort": "leave it out",
    "web_search_options": "leave it out",
}
MAX_CHOICES = 8
MAX_PROMPTS = 64
MAX_TOKENS = 1 << 24
MAX_STOPS = 4
MAX_STOP_CHARS = 1000
MAX_LOGPROBS = 20
MAX_BIASES = 1024
MAX_SCHEMA_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Defaults:
    """What is used for arguments that a call leaves out."""

    temperature: float = 0.7
    top_p: float = 0.9


@dataclass(frozen=True, slots=True)
class _Common:
    """What chat and text completions share.

    :param model: the model asked for; None means whichever there is.
    :param n: answers to each prompt.
    :param max_tokens: most tokens of an answer; None means as many as fit.
    """

    model: str | None
    stream: bool
    include_usage: bool
    n: int
    max_tokens: int | None
    stop: tuple[str, ...]
    sampling: SamplingParams


@dataclass(frozen=True, slots=True)
class ChatArguments(_Common):
    """A chat completion: messages and tools as a template takes them, plain dicts."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None


@dataclass(frozen=True, slots=True)
class CompletionArguments(_Common):
    """A text completion: each prompt is text or token ids."""

    prompts: list[str | list[int]]
    echo: bool


def invalid(param: str | None, message: str, code: str | None = None) -> InvalidRequestError:
    """The error for an argument, with the body that a server answers with."""
    body = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return InvalidRequestError(message, status_code=400, body=body, code=code)


class _Fields:
    """Takes arguments out of a body one by one; what is left at the end is unknown.

    None means the same as leaving the argument out.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._left = {name: value for name, value in body.items() if value is not None}
        for name in HARMLESS:
            self._left.pop(name, None)

    def take(self, name: str) -> Any:
        return self._left.pop(name, None)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        value = self.take(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise invalid(name, f"{name} must be a number, not {_kind(value)}")
        if not (low <= value <= high and math.isfinite(value)):
            shown = repr(value) if isinstance(value, float) or abs(value) < 1 << 64 else "too large"
            raise invalid(name, f"{name} is {shown}; it must be from {low:g} to {high:g}")
        return float(value)

    def integer(self, name: str, low: int, high: int) -> int | None:
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid(name, f"{name} must be a whole number, not {_kind(value)}")
        if not low <= value <= high:
            shown = repr(value) if abs(value) < 1 << 64 else "too large"
            raise invalid(name, f"{name} is {shown}; it must be from {low:,} to {high:,}")
        return value

    def flag(self, name: str) -> bool:
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise invalid(name, f"{name} must be true or false, not {_kind(value)}")
        return bool(value)

    def text(self, name: str) -> str | None:
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise invalid(name, f"{name} must be text, not {_kind(value)}")
        return value

    def done(self) -> None:
        for name, value in self._left.items():
            if name == "parallel_tool_calls" and value is True:
                continue
            if name == "modalities" and value == ["text"]:
                continue
            advice = _NOT_YET.get(name)
            if advice is None:
                raise invalid(name, f"unknown argument {name[:80]!r}", "unknown_parameter")
            raise invalid(name, f"{name} is not supported; {advice}", "unsupported_parameter")


def parse_chat(body: Mapping[str, Any], defaults: Defaults) -> ChatArguments:
    """Check the arguments of a chat completion.

    :raises InvalidRequestError: names the argument.
    """
    fields = _Fields(body)
    messages = normalise_messages(fields.take("messages"))
    tools = normalise_tools(fields.take("tools"))
    tools = _chosen_tools(fields, tools)
    _check_response_format(fields.take("response_format"))
    scores = fields.flag("logprobs")
    n_top = fields.integer("top_logprobs", 0, MAX_LOGPROBS)
    if n_top is not None and not scores:
        raise invalid("top_logprobs", "top_logprobs needs logprobs to be true")
    limit = fields.integer("max_tokens", 1, MAX_TOKENS)
    newer_limit = fields.integer("max_completion_tokens", 1, MAX_TOKENS)
    common = _common(fields, defaults, (n_top or 0) if scores else None)
    fields.done()
    return ChatArguments(
        **common,
        max_tokens=limit if newer_limit is None else newer_limit,
        messages=messages,
        tools=tools,
    )


def parse_completion(body: Mapping[str, Any], defaults: Defaults) -> CompletionArguments:
    """Check the arguments of a text completion.

    :raises InvalidRequestError: names the argument.
    """
    fields = _Fields(body)
    prompts = _prompts(fields.take("prompt"))
    echo = fields.flag("echo")
    n_scores = fields.integer("logprobs", 0, MAX_LOGPROBS)
    if echo and n_scores is not None:
        raise invalid(
            "logprobs", "logprobs of an echoed prompt are not supported; drop one of both"
        )
    limit = fields.integer("max_tokens", 0, MAX_TOKENS)
    common = _common(fields, defaults, n_scores)
    fields.done()
    if len(prompts) * common["n"] > MAX_PROMPTS:
        raise invalid("n", f"{len(prompts)} prompts with n {common['n']} are more than "
                      f"{MAX_PROMPTS} answers; send several requests")  # fmt: skip
    # Without a limit OpenAI's endpoint writes 16 tokens.
    return CompletionArguments(
        **common, max_tokens=16 if limit is None else limit, prompts=prompts, echo=echo
    )


def _common(fields: _Fields, defaults: Defaults, n_logprobs: int | None) -> dict[str, Any]:
    stream = fields.flag("stream")
    return {
        "model": fields.text("model"),
        "stream": stream,
        "include_usage": _include_usage(fields.take("stream_options"), stream),
        "n": fields.integer("n", 1, MAX_CHOICES) or 1,
        "stop": _stop(fields.take("stop")),
        "sampling": SamplingParams(
            temperature=fields.number("temperature", defaults.temperature, 0, 2),
            top_p=_positive("top_p", fields.number("top_p", defaults.top_p, 0, 1)),
            top_k=fields.integer("top_k", 0, MAX_TOKENS) or 0,
            min_p=fields.number("min_p", 0.0, 0, 1),
            repetition_penalty=_positive(
                "repetition_penalty", fields.number("repetition_penalty", 1.0, 0, 10)
            ),
            frequency_penalty=fields.number("frequency_penalty", 0.0, -2, 2),
            presence_penalty=fields.number("presence_penalty", 0.0, -2, 2),
            seed=fields.integer("seed", -(1 << 63), (1 << 63) - 1),
            logit_bias=_logit_bias(fields.take("logit_bias")),
            n_logprobs=n_logprobs,
        ),
    }


def _kind(value: Any) -> str:
    """How to call a wrong value without showing it: it may be a prompt."""
    names = {bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), f"{type(value).__name__}")


def _positive(name: str, value: float) -> float:
    if value <= 0:
        raise invalid(name, f"{name} is {value!r}; it must be more than 0")
    return value


def _include_usage(options: Any, stream: bool) -> bool:
    if options is None:
        return False
    if not stream:
        raise invalid("stream_options", "stream_options needs stream to be true")
    if not isinstance(options, dict) or not set(options) <= {"include_usage"}:
        raise invalid("stream_options", "stream_options takes include_usage and nothing else")
    include = options.get("include_usage")
    if include is not None and not isinstance(include, bool):
        raise invalid("stream_options", "include_usage must be true or false")
    return bool(include)


def _stop(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, (list, tuple)) or len(stops) > MAX_STOPS:
        raise invalid("stop", f"stop must be a text or a list of at most {MAX_STOPS}")
    for stop in stops:
        if not isinstance(stop, str) or not 0 < len(stop) <= MAX_STOP_CHARS:
            raise invalid("stop", f"each stop must be a text of 1 to {MAX_STOP_CHARS} characters")
        check_text("stop", stop)
    return tuple(dict.fromkeys(stops))


def check_text(name: str, text: str) -> None:
    """Refuse text that is not Unicode: half of a surrogate pair.

    :raises InvalidRequestError: names the argument.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise invalid(name, f"{name} holds half of a surrogate pair, which is not text") from None


def _logit_bias(value: Any) -> tuple[tuple[int, float], ...]:
    if value is None:
        return ()
    if not isinstance(value, dict) or len(value) > MAX_BIASES:
        raise invalid("logit_bias", f"logit_bias must map at most {MAX_BIASES:,} tokens to numbers")
    biases: dict[int, float] = {}
    for token, bias in value.items():
        digits = str(token)
        if isinstance(token, bool) or not (
            digits.isascii() and digits.isdigit() and len(digits) < 10
        ):
            raise invalid("logit_bias", f"logit_bias has {digits[:40]!r} where a token id belongs")
        if isinstance(bias, bool) or not isinstance(bias, (int, float)) or not abs(bias) <= 100:
            raise invalid("logit_bias", f"logit_bias of token {digits} must be from -100 to 100")
        biases[int(digits)] = float(bias)
    return tuple(biases.items())


def _chosen_tools(
    fields: _Fields, tools: list[dict[str, Any]] | None
) -> list[dict[str, Any]] | None:
    choice = fields.take("tool_choice")
    if choice is None or choice == "auto":
        pass
    elif choice == "none":
        return None
    elif choice == "required" or isinstance(choice, dict):
        raise invalid(
            "tool_choice",
            "tool_choice cannot force a tool yet; use 'auto' or 'none'",
            "unsupported_parameter",
        )
    else:
        raise invalid("tool_choice", "tool_choice must be 'auto' or 'none'")
    if choice is not None and not tools:
        raise invalid("tool_choice", "tool_choice needs tools")
    try:
        size = len(to_json(tools)) if tools else 0
    except (PydanticSerializationError, ValueError, RecursionError) as err:
        raise invalid("tools", f"tools cannot be written as JSON: {err}") from err
    if size > MAX_SCHEMA_BYTES:
        raise invalid("tools", f"tools take {size:,} bytes; at most {MAX_SCHEMA_BYTES:,} are read")
    return tools


def _check_response_format(value: Any) -> None:
    if value is None:
        return
    kind = value.get("type") if isinstance(value, dict) else None
    if kind in ("json_object", "json_schema") or isinstance(value, type):
        raise invalid(
            "response_format",
            f"response_format {kind or value.__name__!r} is not supported yet by the local engine; "
            "ask for JSON in the prompt",
            "unsupported_parameter",
        )
    if kind != "text" or set(value) != {"type"}:
        raise invalid("response_format", "response_format must be {'type': 'text'}")


def _prompts(value: Any) -> list[str | list[int]]:
    """The prompts: a text, a list of texts, a list of tokens, or a list of those."""
    if isinstance(value, str) or (isinstance(value, list) and value and _is_token(value[0])):
        value = [value]
    if not isinstance(value, list) or not 0 < len(value) <= MAX_PROMPTS:
        raise invalid("prompt", f"prompt must be a text, or a list of 1 to {MAX_PROMPTS} of them")
    for prompt in value:
        if isinstance(prompt, str):
            check_text("prompt", prompt)
        elif not (isinstance(prompt, list) and prompt and all(map(_is_token, prompt))):
            raise invalid("prompt", "each prompt must be a text or a list of token ids")
    return list(value)


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_TOKENS
