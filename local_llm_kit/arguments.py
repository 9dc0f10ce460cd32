"""The arguments of a completion, checked: what OpenAI's API takes, and what it calls wrong.

One place for the client in process and for the server, so that both refuse the same things with
the same words. An argument that cannot be honoured is refused by name; `local_llm_kit.hints` lists
the ones that are taken without effect, since they say nothing about the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from LLM.exceptions import InvalidRequestError
from LLM.overflow import OverflowPolicy, check_policy
from local_llm_kit.engines.protocol import SamplingParams
from local_llm_kit.fields import (
    MAX_TOKENS,
    Fields,
    check_text,
    invalid,
    texts_or_tokens,
    unsupported,
)
from local_llm_kit.hints import BOOKKEEPING, CHAT_HINTS, ignore_hints
from local_llm_kit.messages import MAX_NAME_CHARS, normalise_messages
from local_llm_kit.output_format import FREE, OutputFormat, take_output
from local_llm_kit.tool_choice import NO_TOOLS, ToolChoice, take_tools

#: What to say about arguments that people use and that are not honoured.
_ADVICE = {
    "suffix": "text completions have it",
    "best_of": "use n and choose",
    "guided_choice": "use response_format with a JSON schema's enum, or a regular expression",
}
MAX_CHOICES = 8
MAX_PROMPTS = 64
MAX_STOPS = 4
MAX_STOP_CHARS = 1000
MAX_LOGPROBS = 20
MAX_BIASES = 1024


@dataclass(frozen=True, slots=True)
class Defaults:
    """What is used for arguments that a call leaves out."""

    temperature: float = 0.7
    top_p: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """What chat and text completions share.

    :param model: the model asked for; None means whichever there is.
    :param n: answers to each prompt.
    :param max_tokens: most tokens of an answer; None means as many as fit.
    :param output: what the answer must look like.
    :param adapter: name of a LoRA adapter that the model was loaded with; None for the bare model.
    :param ignored: names of the arguments that were given and have no effect.
    """

    model: str | None
    stream: bool
    include_usage: bool
    n: int
    max_tokens: int | None
    stop: tuple[str, ...]
    sampling: SamplingParams
    output: OutputFormat = FREE
    adapter: str | None = None
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatArguments(_Common):
    """A chat completion: messages and tools as a template takes them, plain dicts.

    :param tools: the tools that the model is told of; None for none.
    :param tool_choice: which of them it may or must call.
    :param overflow: what to do with messages that do not fit the window.
    :param continues: go on with the text of the last message, an assistant's.
    :param think: whether a model that can is to think before it answers, or how much, in words that
        such models know; None leaves it to the model. Ollama's API has it, OpenAI's has no field.
    """

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    tool_choice: ToolChoice = NO_TOOLS
    overflow: OverflowPolicy = "error"
    continues: bool = False
    think: bool | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionArguments(_Common):
    """A text completion: each prompt is text or token ids.

    :param echo: put the prompt before the answer; with log probabilities, the prompt's too.
    :param suffix: what comes after the answer; the model fills the gap. None for no such text.
    """

    prompts: list[str | list[int]]
    echo: bool
    suffix: str | None = None


def parse_chat(body: Mapping[str, Any], defaults: Defaults) -> ChatArguments:
    """Check the arguments of a chat completion.

    :raises InvalidRequestError: names the argument.
    """
    fields = Fields(body)
    messages = normalise_messages(fields.take("messages"))
    tools, tool_choice = take_tools(fields)
    scores = fields.flag("logprobs")
    n_top = fields.integer("top_logprobs", 0, MAX_LOGPROBS)
    if n_top is not None and not scores:
        raise invalid("top_logprobs", "top_logprobs needs logprobs to be true")
    limit = fields.integer("max_tokens", 0, MAX_TOKENS)
    newer_limit = fields.integer("max_completion_tokens", 0, MAX_TOKENS)
    _check_modalities(fields.take("modalities"))
    common = _common(fields, defaults, (n_top or 0) if scores else None)
    overflow = _overflow(fields.take("overflow"))
    continues = bool(fields.flag("continue_final_message"))
    ignore_hints(fields, CHAT_HINTS)
    fields.done(_ADVICE)
    if continues:
        _check_continues(messages, common["output"], tool_choice, overflow)
    return ChatArguments(
        **common,
        ignored=tuple(fields.ignored),
        max_tokens=limit if newer_limit is None else newer_limit,
        messages=messages,
        tools=tools,
        tool_choice=tool_choice,
        overflow=overflow,
        continues=continues,
    )


def parse_completion(body: Mapping[str, Any], defaults: Defaults) -> CompletionArguments:
    """Check the arguments of a text completion.

    :raises InvalidRequestError: names the argument.
    """
    fields = Fields(body)
    prompts = texts_or_tokens("prompt", fields.take("prompt"), MAX_PROMPTS)
    echo = bool(fields.flag("echo"))
    n_scores = fields.integer("logprobs", 0, MAX_LOGPROBS)
    limit = fields.integer("max_tokens", 0, MAX_TOKENS)
    common = _common(fields, defaults, n_scores)
    _check_best_of(fields.integer("best_of", 0, MAX_CHOICES), common["n"])
    suffix = _suffix(fields.text("suffix"), scored_echo=echo and n_scores is not None)
    ignore_hints(fields, BOOKKEEPING)
    fields.done(_ADVICE)
    if len(prompts) * common["n"] > MAX_PROMPTS:
        raise invalid("n", f"{len(prompts)} prompts with n {common['n']} are more than "
                      f"{MAX_PROMPTS} answers; send several requests")  # fmt: skip
    # Without a limit OpenAI's endpoint writes 16 tokens.
    return CompletionArguments(
        **common,
        ignored=tuple(fields.ignored),
        max_tokens=16 if limit is None else limit,
        prompts=prompts,
        echo=echo,
        suffix=suffix,
    )


def _common(fields: Fields, defaults: Defaults, n_logprobs: int | None) -> dict[str, Any]:
    stream = bool(fields.flag("stream"))
    return {
        "model": fields.text("model"),
        "stream": stream,
        "include_usage": _include_usage(fields, stream),
        "n": fields.integer("n", 1, MAX_CHOICES) or 1,
        "stop": _stop(fields.take("stop")),
        "output": take_output(fields),
        "adapter": _adapter(fields.text("adapter")),
        "sampling": SamplingParams(
            temperature=fields.number("temperature", defaults.temperature, 0, 2),
            top_p=_positive("top_p", fields.number("top_p", defaults.top_p, 0, 1)),
            top_k=fields.integer("top_k", 0, MAX_TOKENS) or 0,
            min_p=fields.number("min_p", 0.0, 0, 1),
            repetition_penalty=fields.number("repetition_penalty", 1.0, 0.01, 10),
            frequency_penalty=fields.number("frequency_penalty", 0.0, -2, 2),
            presence_penalty=fields.number("presence_penalty", 0.0, -2, 2),
            seed=fields.integer("seed", -(1 << 63), (1 << 63) - 1),
            logit_bias=_logit_bias(fields.take("logit_bias")),
            n_logprobs=n_logprobs,
        ),
    }


def _overflow(value: Any) -> OverflowPolicy:
    if value is None:
        return "error"
    try:
        return check_policy(value)
    except InvalidRequestError as err:
        raise invalid("overflow", str(err)) from None


def _check_continues(
    messages: list[dict[str, Any]],
    output: OutputFormat,
    tool_choice: ToolChoice,
    overflow: OverflowPolicy,
) -> None:
    """Refuse to continue what is no beginning of an answer."""
    param, last = "continue_final_message", messages[-1]
    if last["role"] != "assistant" or "tool_calls" in last or not last["content"]:
        raise invalid(param, f"{param} needs a last message that is an assistant's text")
    if len(messages) == 1:
        raise invalid(param, f"{param} needs a message before the one that is continued")
    if overflow != "error":
        raise unsupported(param, f"{param} cannot stand beside overflow {overflow!r}")
    if output.kind != "text" or tool_choice.mode == "required":
        # The grammar holds an answer from its first letter, and here that is written already.
        raise unsupported(param, f"{param} needs free text: leave out {output.param} and a "
                          "tool_choice that makes the model call")  # fmt: skip


def _adapter(name: str | None) -> str | None:
    if name is not None and not 0 < len(name) <= MAX_NAME_CHARS:
        raise invalid("adapter", f"adapter must be a name of 1 to {MAX_NAME_CHARS} characters")
    return name


def _positive(name: str, value: float) -> float:
    if value <= 0:
        raise invalid(name, f"{name} is {value!r}; it must be more than 0")
    return value


def _check_best_of(best_of: int | None, n: int) -> None:
    """Refuse to choose among answers; 0 and `n` itself leave nothing to choose."""
    if best_of not in (None, 0, n):
        raise unsupported("best_of", f"best_of is {best_of}, and no answers are left out here; ask "
                          "for as many with n, with logprobs, and choose")  # fmt: skip


def _suffix(suffix: str | None, *, scored_echo: bool) -> str | None:
    if not suffix:
        return None
    check_text("suffix", suffix)
    if scored_echo:
        raise unsupported(
            "suffix", "an echoed prompt has no logprobs with suffix; leave out one of the three"
        )
    return suffix


def _check_modalities(value: Any) -> None:
    if value in (None, ["text"]):
        return
    if isinstance(value, list) and all(isinstance(one, str) for one in value) and "audio" in value:
        raise unsupported("modalities", "the model writes text only; leave modalities out")
    raise invalid("modalities", "modalities must be ['text']")


def _include_usage(fields: Fields, stream: bool) -> bool:
    options = fields.take("stream_options")
    if options is None:
        return False
    # Obfuscation hides the lengths of tokens from who watches an encrypted line; there is none.
    known = ("include_usage", "include_obfuscation")
    if not isinstance(options, dict) or not set(options) <= set(known):
        raise invalid("stream_options", f"stream_options takes {' and '.join(known)}")
    for name, value in options.items():
        if value is not None and not isinstance(value, bool):
            raise invalid("stream_options", f"stream_options.{name} must be true or false")
    if not stream:  # a whole answer has its usage anyway
        fields.ignored.append("stream_options")
    return stream and bool(options.get("include_usage"))


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


def _logit_bias(value: Any) -> tuple[tuple[int, float], ...]:
    if value is None:
        return ()
    if not isinstance(value, dict) or len(value) > MAX_BIASES:
        raise invalid("logit_bias", f"logit_bias must map at most {MAX_BIASES:,} tokens to numbers")
    biases: dict[int, float] = {}
    for token, bias in value.items():
        digits = str(token)
        if isinstance(bias, bool) or not isinstance(bias, (int, float)) or not abs(bias) <= 100:
            shown = repr(digits[:40])
            raise invalid("logit_bias", f"logit_bias of token {shown} must be from -100 to 100")
        if bias == 0:
            continue  # changes nothing, whatever it names
        if isinstance(token, bool) or not (
            digits.isascii() and digits.isdigit() and len(digits) < 10
        ):
            raise invalid("logit_bias", f"logit_bias has {digits[:40]!r} where a token id belongs")
        biases[int(digits)] = float(bias)
    return tuple(biases.items())
