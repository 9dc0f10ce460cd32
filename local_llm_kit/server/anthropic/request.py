"""A request of the Messages API, read: OpenAI's fields that ask for the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_llm_kit.arguments import MAX_STOP_CHARS, MAX_STOPS
from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import MAX_TOKENS, Fields, invalid, unsupported
from local_llm_kit.hints import HintKind, ignore_hints
from local_llm_kit.schemas import vet_schema
from local_llm_kit.server.anthropic.messages import messages_of
from local_llm_kit.server.anthropic.reading import (
    CACHE_CONTROL,
    a_list,
    a_text,
    an_object,
    given,
)
from local_llm_kit.server.anthropic.schemas import cleaned
from local_llm_kit.server.anthropic.thinking import Thinking, take_thinking
from local_llm_kit.server.anthropic.tools import take_tools
from local_llm_kit.server.shapes import IN_CHUNKS

#: Taken without effect: accounts and prices, where and how fast to compute, and what Anthropic does
#: with a context, a container or a refusal that there is none of here.
HINTS: Mapping[str, HintKind] = {
    "billing_policy": "object",
    "context_management": "object",
    "diagnostics": "object",
    "fallback_credit_token": "text",
    "inference_geo": "text",
    "metadata": "object",
    "service_tier": "text",
    "speed": "text",
    "user_profile_id": "text",
    "workspace_id": "text",
}
_ADVICE = {
    "mcp_servers": "no address is opened for a client; call the servers yourself and give tools",
    "compaction": "send the messages that are to be summarised, and ask for a summary",
    "n": "send several requests",
}
#: Anthropic's own code where no conversation is kept on the server: its client goes on without.
_NO_THREADS = "thread_unsupported_request"


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """What was asked.

    :param fields: as OpenAI's API names them.
    :param stream: whether the answer is sent as it grows.
    :param thinking: what becomes of thoughts.
    :param ignored: names of arguments without effect.
    """

    fields: JSONObject
    stream: bool
    thinking: Thinking
    ignored: tuple[str, ...]


def parse_message(body: Mapping[str, Any]) -> MessageRequest:
    """Read a request for a message.

    :raises InvalidRequestError: names the argument.
    """
    fields = Fields(body)
    limit = fields.integer("max_tokens", 0, MAX_TOKENS)
    if limit is None:
        raise invalid("max_tokens", "max_tokens is missing; give the most tokens of the answer")
    out: JSONObject = {"max_tokens": limit, **IN_CHUNKS}
    for name in ("temperature", "top_p", "top_k"):
        out[name] = fields.take(name)
    out["stop"] = _stops(fields.take("stop_sequences"))
    stream = bool(fields.flag("stream"))
    return _parsed(fields, out, stream)


def parse_count(body: Mapping[str, Any]) -> MessageRequest:
    """Read a request for the size of a prompt; raises as `parse_message` does."""
    return _parsed(Fields(body), {}, stream=False)


def _parsed(fields: Fields, out: JSONObject, stream: bool) -> MessageRequest:
    """What both requests share: all that makes the prompt."""
    out["model"] = fields.text("model")
    out["messages"] = messages_of(fields.take("system"), fields.take("messages"))
    out |= take_tools(fields)
    out["response_format"] = _response_format(fields)
    thinking = take_thinking(fields)
    fields.take(CACHE_CONTROL)
    _ignore(fields)
    if fields.take("thread") is not None:
        raise invalid(
            "thread",
            "thread is not supported: no conversation is kept here; send all of it, without thread",
            _NO_THREADS,
        )
    fields.done(_ADVICE)
    if out["messages"][-1]["role"] == "assistant":
        _check_beginning(out)
        out["continue_final_message"] = True
    return MessageRequest(out, stream, thinking, tuple(fields.ignored))


def _stops(value: Any) -> list[str] | None:
    if value is None:
        return None
    for i, stop in enumerate(a_list("stop_sequences", value, MAX_STOPS)):
        where = f"stop_sequences[{i}]"
        if not 0 < len(a_text(where, stop)) <= MAX_STOP_CHARS:
            raise invalid(where, f"{where} must have 1 to {MAX_STOP_CHARS:,} characters")
    return list(value)


def _response_format(fields: Fields) -> JSONObject | None:
    """The schema that the answer is held to, by its newer name or by its older one."""
    config = given("output_config", fields.take("output_config") or {},
                   ("effort", "format", "task_budget"))  # fmt: skip
    for name in ("effort", "task_budget"):
        if name in config:
            fields.ignored.append(f"output_config.{name}")
    older = fields.take("output_format")
    if older is not None and "format" in config:
        raise invalid("output_format", "output_format is the older name of output_config.format; "
                      "give one of both")  # fmt: skip
    where = "output_config.format" if older is None else "output_format"
    wanted = config.get("format") if older is None else older
    if wanted is None:
        return None
    form = given(where, wanted, ("schema",))
    if form.get("type") != "json_schema":
        raise invalid(f"{where}.type", f"{where}.type must be 'json_schema'")
    place = f"{where}.schema"
    schema = cleaned(an_object(place, form.get("schema")), place, fields.ignored)
    vet_schema(schema, place)
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def _ignore(fields: Fields) -> None:
    ignore_hints(fields, HINTS)
    for name, kinds in (("container", (str, dict)), ("fallbacks", (str, list))):
        value = fields.take(name)
        if value is not None and not isinstance(value, kinds):
            raise invalid(
                name, f"{name} must be a text or {'a list' if list in kinds else 'an object'}"
            )
        if value is not None:
            fields.ignored.append(name)


def _check_beginning(out: JSONObject) -> None:
    """Refuse a last turn of the assistant's that an answer cannot go on from."""
    messages, where = out["messages"], "messages"
    if "tool_calls" in messages[-1]:
        raise invalid(where, "the last turn calls a tool; give its tool_result in a turn after it")
    if not messages[-1]["content"]:
        raise invalid(where, "the last turn is the assistant's and has no text to go on with")
    if all(message["role"] != "user" for message in messages):
        raise invalid(where, "there is no turn of the user's that could be answered")
    if out["response_format"] or out.get("tool_choice", "auto") not in ("auto", "none"):
        raise unsupported(
            where,
            "an answer that goes on with a turn of the assistant's cannot be held to a format or "
            "made to call a tool; leave that turn out",
        )
