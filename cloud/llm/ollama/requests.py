"""A call in OpenAI's words as the body of ``/api/chat``. Pure.

Sampling goes into ``options``, under Ollama's names; the caller's own Ollama fields win over what
is made of OpenAI's. What Ollama cannot do is refused by name, since it ignores unknown fields.

Source: https://docs.ollama.com/api/chat; ``Options`` in the server's api/types.go, and in the
Python library for options of older servers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from cloud.llm.codec import ChatCall
from cloud.llm.json_schema import N_SCHEMAS, JSONSchema
from cloud.llm.json_schemas.strict import NOT_HELD
from cloud.llm.keywords import BOOKKEEPING, take_single_n
from cloud.llm.ollama.messages import ollama_messages
from cloud.llm.response_formats import wanted_schema
from LLM.exceptions import InvalidRequestError
from LLM.schemas import Subset, fitted_schema, rooted

JSONObject = dict[str, Any]

#: Keywords that are options.
OPTION_NAMES = frozenset(
    (
        "num_keep seed num_predict top_k top_p min_p typical_p tfs_z repeat_last_n temperature "
        "repeat_penalty presence_penalty frequency_penalty mirostat mirostat_tau mirostat_eta "
        "penalize_newline stop numa num_ctx num_batch num_gpu main_gpu low_vram f16_kv vocab_only "
        "use_mmap use_mlock num_thread draft_num_predict"
    ).split()
)
#: OpenAI's fields that change nothing about the answer, or ask for what Ollama does anyway.
_SAYS_NOTHING = BOOKKEEPING | {"metadata", "parallel_tool_calls", "service_tier"}
#: What the server's grammars take. A pattern must hold the whole text, and have no groups but plain
#: ones: the server refuses a schema with another. Small models leave out what they may.
#: Source: json-schema-to-grammar of llama.cpp.
OLLAMA = Subset(patterns=re.compile(r"\^(?!.*\(\?).*\$\Z", re.DOTALL), wants_all=True)
#: The same for schemas whose optional properties stay so. Of what they ignore, the model is told,
#: and of bounds for which their grammars have no room.
OLLAMA_SCHEMA = replace(
    OLLAMA,
    not_held=NOT_HELD | {"maxProperties", "minProperties", "uniqueItems"},
    max_bound=1000,
    wants_all=False,
)
#: OpenAI's fields that would change the answer, and what to do without them.
_IMPOSSIBLE = {
    "audio": "it answers in text",
    "function_call": "give tool_choice",
    "functions": "give tools",
    "logit_bias": "leave it out",
    "modalities": "it answers in text",
    "prediction": "leave it out",
    "thinking": "give reasoning_effort, or Ollama's think",
    "verbosity": "say it in the prompt",
    "web_search_options": "give a tool that searches",
}
#: How OpenAI's efforts are told; the ends are clamped as Ollama's own OpenAI endpoint does.
_EFFORTS: dict[str, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}


def chat_body(call: ChatCall) -> JSONObject:
    """The fields of the request; None among them is not sent.

    :raises InvalidRequestError: an argument has no form in Ollama; names it.
    """
    extra = _possible(call)
    effort = extra.pop("reasoning_effort", None)
    return {
        "model": call.model,
        "messages": ollama_messages(call.messages, call.has_system),
        "stream": call.stream,
        "tools": _tools(call),
        "format": _format(call),
        "think": None if effort is None else _think(effort),
        # Ollama's default cuts a long prompt to its window and says nothing.
        "truncate": False,
        "options": _options(call, extra) or None,
        **extra,
    }


def _possible(call: ChatCall) -> JSONObject:
    """The keywords without those of OpenAI that mean nothing to Ollama.

    :raises InvalidRequestError: one asks for what Ollama cannot do.
    """
    extra = dict(call.extra)
    for name, advice in _IMPOSSIBLE.items():
        if name in extra:
            raise InvalidRequestError(f"Ollama has no {name}; {advice}")
    take_single_n(extra, "Ollama")
    if call.tools and extra.get("parallel_tool_calls", True) is not True:
        raise InvalidRequestError(
            "parallel_tool_calls is off, and Ollama leaves to the model how many calls it makes; "
            "leave it out"
        )
    return {name: value for name, value in extra.items() if name not in _SAYS_NOTHING}


def _options(call: ChatCall, extra: JSONObject) -> JSONObject:
    """The options, which are taken out of `extra`; keywords win over those in ``options``."""
    given = extra.pop("options", {})
    if not isinstance(given, Mapping):
        raise InvalidRequestError(f"options is a {type(given).__name__}; give a dict")
    limit = _limit(call.max_tokens, extra)
    named = {name: extra.pop(name) for name in list(extra) if name in OPTION_NAMES}
    if isinstance(named.get("stop"), str):
        named["stop"] = [named["stop"]]
    own = {"temperature": call.temperature, "num_predict": limit}
    return {**given, **named, **{name: value for name, value in own.items() if value is not None}}


def _limit(max_tokens: int | None, extra: JSONObject) -> Any:
    """Most tokens to generate, by whichever of its three names."""
    names = ("max_completion_tokens", "num_predict")
    said = {"max_tokens": max_tokens, **{name: extra.pop(name, None) for name in names}}
    said = {name: value for name, value in said.items() if value is not None}
    limits = list(said.values())
    if any(limit != limits[0] for limit in limits):
        raise InvalidRequestError(f"{' and '.join(said)} differ; give one of them")
    return limits[0] if limits else None


def _think(effort: Any) -> bool | str:
    if not isinstance(effort, str) or effort not in _EFFORTS:
        raise InvalidRequestError(
            f"reasoning_effort is {effort!r}; give one of {', '.join(_EFFORTS)}"
        )
    return _EFFORTS[effort]


def _format(call: ChatCall) -> str | JSONObject | None:
    schema = wanted_schema(call.response_format, "Ollama")
    if schema is None:
        return None
    if call.json_schema is not None:
        return _fitted(call.json_schema)
    if call.class_schema is not None:
        return dict(fitted_schema(rooted(call.class_schema), OLLAMA, "response_format"))
    return dict(schema) or "json"


@lru_cache(maxsize=N_SCHEMAS)
def _fitted(asked: JSONSchema) -> JSONObject:
    return dict(fitted_schema(asked.plain, OLLAMA_SCHEMA, "response_format"))


def _tools(call: ChatCall) -> list[JSONObject] | None:
    """The tools that may be called.

    Ollama reads calls out of free text: nothing there can make a model call one.
    """
    if call.tool_choice not in (None, "auto", "none"):
        raise InvalidRequestError(
            "Ollama cannot force a tool call; give tool_choice 'auto' or 'none', and say in the "
            "prompt what is wanted"
        )
    if call.tool_choice == "none":
        return None
    return [_tool(f"tools[{i}]", tool) for i, tool in enumerate(call.tools or ())] or None


def _tool(where: str, tool: Mapping[str, Any]) -> JSONObject:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, Mapping):
        raise InvalidRequestError(
            f"{where} is of type {tool.get('type')!r}; Ollama takes functions only"
        )
    # Without Anthropic's marker and OpenAI's promise: Ollama caches by itself, and holds no
    # arguments to their schema.
    plain = {n: value for n, value in function.items() if n not in ("cache_control", "strict")}
    return {"type": "function", "function": plain}
