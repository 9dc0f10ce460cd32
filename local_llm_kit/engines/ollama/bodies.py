"""From checked arguments to the bodies that Ollama takes. Pure.

Everything that a caller can set is sent, also where it is Ollama's default today: defaults differ
between Ollama's versions and models. What Ollama has no field for is refused by name.

Source: https://docs.ollama.com/api.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local_llm_kit.arguments import ChatArguments, CompletionArguments
from local_llm_kit.backends import JSONObject
from local_llm_kit.engines.ollama.facts import Facts
from local_llm_kit.engines.protocol import SamplingParams
from local_llm_kit.fields import invalid
from local_llm_kit.images import refuse_images
from local_llm_kit.output_format import OutputFormat, messages_with_schema

#: Seeds that mean the same to all of Ollama's runners; -1 and 2^32 - 1 mean none to some.
_SEEDS = 1 << 31


def chat_bodies(arguments: ChatArguments, facts: Facts) -> list[JSONObject]:
    """A body of ``/api/chat`` for each choice.

    :raises InvalidRequestError: an argument cannot be honoured; names it.
    """
    if arguments.overflow != "error":
        raise unsupported("overflow", "it has no tokenizer to count with; only 'error' is possible")
    if arguments.continues:
        raise unsupported("continue_final_message", "a template there may close the last message")
    if not facts.can("vision"):
        refuse_images(arguments.messages, f"{facts.name!r} reads text only; take a model that sees")
    told = messages_with_schema(arguments.messages, arguments.output)
    body: JSONObject = {"messages": messages_for_ollama(told)}
    if arguments.think and not facts.can("thinking"):
        raise unsupported("think", f"{facts.name!r} does not think; leave it out")
    if arguments.think is not None and facts.can("thinking"):
        body["think"] = arguments.think
    if arguments.tools:
        body["tools"] = _tools(arguments, facts)
    return _bodies(body, arguments, facts)


def completion_bodies(arguments: CompletionArguments, facts: Facts) -> list[JSONObject]:
    """A body of ``/api/generate`` for each choice, prompt by prompt; no template is put around.

    :raises InvalidRequestError: an argument cannot be honoured; names it.
    """
    if arguments.suffix is not None:
        raise unsupported("suffix", "only the text before the gap is given to Ollama")
    if arguments.echo and arguments.sampling.n_logprobs is not None:
        raise unsupported("echo", "Ollama gives no logprobs of prompts; leave one of both out")
    bodies: list[JSONObject] = []
    for prompt in arguments.prompts:
        if not isinstance(prompt, str):
            raise unsupported("prompt", "Ollama takes texts, not token ids")
        if not prompt:
            raise invalid("prompt", "the prompt has no tokens; give it some text")
        # Else a thinking model's text is parted at its think tags, raw or not.
        body = {"prompt": prompt, "raw": True, "think": False}
        bodies += _bodies(body, arguments, facts)
    return bodies


def unsupported(param: str, reason: str) -> Exception:
    """The error for an argument that Ollama cannot honour."""
    return invalid(
        param, f"{param} is not supported by the ollama back end: {reason}", "unsupported_parameter"
    )


def _bodies(
    body: JSONObject, arguments: ChatArguments | CompletionArguments, facts: Facts
) -> list[JSONObject]:
    if arguments.max_tokens == 0:
        raise unsupported("max_tokens", "Ollama writes at least one token")
    if arguments.adapter is not None:
        raise unsupported("adapter", "make an Ollama model with the adapter, and name that")
    if arguments.output.kind != "text":
        body["format"] = _format(arguments.output)
    sampling = arguments.sampling
    if sampling.logit_bias:
        raise unsupported("logit_bias", "Ollama has no such option; leave it out")
    body |= {"model": facts.name, "stream": True, "truncate": False, "shift": False}
    if sampling.n_logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": sampling.n_logprobs}
    common: JSONObject = {
        # Always sent: Ollama's own default is a small window, into which it cuts the prompt.
        "num_ctx": facts.context_length,
        # Without a limit some versions write on for ever, forgetting the beginning.
        "num_predict": min(arguments.max_tokens or facts.context_length, facts.context_length),
    }
    if arguments.stop:
        common["stop"] = list(dict.fromkeys([*arguments.stop, *facts.stops]))
    return [
        body | {"options": common | _sampling_options(sampling.of_choice(i))}
        for i in range(arguments.n)
    ]


def _tools(arguments: ChatArguments, facts: Facts) -> list[JSONObject]:
    """The tools that may be called.

    Ollama reads calls out of free text: nothing there can make a model call, or call once.
    """
    choice = arguments.tool_choice
    if not facts.can("tools"):
        raise unsupported("tools", f"{facts.name!r} was not made to call tools; take another model")
    if choice.legacy:
        raise unsupported("functions", "use tools")
    if choice.mode == "required":
        raise unsupported("tool_choice", "a call cannot be forced; use 'auto' or 'none'")
    if not choice.parallel:
        raise unsupported("parallel_tool_calls", "the model decides how many calls it makes")
    if arguments.output.kind != "text":
        raise unsupported(arguments.output.param, "held to a format, a model cannot call tools")
    names = {one.name for one in choice.callables}
    return [tool for tool in arguments.tools or () if tool["function"]["name"] in names]


def _format(output: OutputFormat) -> str | JSONObject:
    if output.kind == "json_object":
        return "json"
    if output.kind != "json_schema":
        raise unsupported(output.param, f"it has no {output.kind}; use a JSON schema")
    return dict(output.schema or {})


def _sampling_options(sampling: SamplingParams) -> JSONObject:
    options: JSONObject = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repetition_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
    }
    if sampling.seed is not None:
        options["seed"] = sampling.seed % _SEEDS
    return options


def messages_for_ollama(messages: Sequence[Mapping[str, Any]]) -> list[JSONObject]:
    """Messages as ``/api/chat`` takes them.

    :raises InvalidRequestError: a message says something that Ollama has no place for.
    """
    called: dict[str, str] = {}  # names of tools by the ids of their calls
    return [_message(f"messages[{i}]", one, called) for i, one in enumerate(messages)]


def _message(where: str, message: Mapping[str, Any], called: dict[str, str]) -> JSONObject:
    out: JSONObject = {"role": message["role"], "content": message["content"]}
    if "images" in message:
        out["images"] = message["images"]
    if message.get("tool_calls"):
        out["tool_calls"] = [
            _call(f"{where}.tool_calls[{i}]", call, called)
            for i, call in enumerate(message["tool_calls"])
        ]
    call_id = message.get("tool_call_id")
    if message["role"] == "tool":
        name = message.get("name") or called.get(call_id or "")
        out |= {"tool_name": name} if name else {}
        out |= {"tool_call_id": call_id} if call_id else {}
    elif "name" in message:
        raise unsupported(f"{where}.name", "Ollama's messages have no names; put it in the text")
    return out


def _call(where: str, call: Mapping[str, Any], called: dict[str, str]) -> JSONObject:
    function = call["function"]
    if not isinstance(function["arguments"], Mapping):
        raise unsupported(f"{where}.function.arguments", "Ollama takes a JSON object only")
    out: JSONObject = {"function": dict(function)}
    if "id" in call:
        called[call["id"]] = function["name"]
        out["id"] = call["id"]
    return out
