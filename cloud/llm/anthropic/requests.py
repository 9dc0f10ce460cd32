"""A call, made the body of a request to Anthropic's Messages API. Pure.

Source: https://platform.claude.com/docs/en/api/messages/create; MessageCreateParams of anthropic
2.12.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloud.llm.anthropic.messages import conversation, system_prompt
from cloud.llm.anthropic.parts import text_block
from cloud.llm.anthropic.schemas import wanted_answer
from cloud.llm.anthropic.tools import anthropic_choice, anthropic_tools
from cloud.llm.codec import ChatCall
from cloud.llm.keywords import BOOKKEEPING, take_single_n
from LLM.exceptions import InvalidRequestError

#: The API wants a bound from everyone; ours for who gives none, beyond what thinking may take.
DEFAULT_MAX_TOKENS = 4096

# OpenAI's words for efforts that Anthropic calls otherwise; the others are the same.
_EFFORTS = {"minimal": "low"}


def request_fields(call: ChatCall) -> dict[str, Any]:
    """The fields of the body; None among them is not sent.

    What OpenAI calls otherwise is put into Anthropic's words, what changes nothing about the answer
    is left out, and further keywords are sent as they are: the API refuses those that it does not
    know, and says which.

    :raises InvalidRequestError: Anthropic has no form for it; the message names what.
    """
    extra = dict(call.extra)
    take_single_n(extra, "Anthropic")
    system, turns = conversation(call.messages, call.has_system)
    schema, wish = wanted_answer(call)
    if wish:
        system = [*system, text_block(wish)]
    one_call = extra.pop("parallel_tool_calls", None) is False
    fields = {
        "model": call.model,
        "max_tokens": _max_tokens(call.max_tokens, extra),
        "system": system_prompt(system),
        "messages": turns,
        "temperature": call.temperature,
        "tools": anthropic_tools(call.tools),
        "tool_choice": anthropic_choice(call.tool_choice, one_call, bool(call.tools)),
        "output_config": _output_config(schema, extra),
        "stop_sequences": _stops(extra),
        "metadata": _metadata(extra),
        "stream": call.stream or None,
    }
    # What was put into other words has been taken out of it by now.
    return fields | {name: value for name, value in extra.items() if name not in BOOKKEEPING}


def _max_tokens(given: int | None, extra: dict[str, Any]) -> Any:
    newer = extra.pop("max_completion_tokens", None)
    if given is not None:
        return given
    if newer is not None:
        return newer
    thinking = extra.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
    return DEFAULT_MAX_TOKENS + (budget if isinstance(budget, int) else 0)


def _output_config(
    schema: Mapping[str, Any] | None, extra: dict[str, Any]
) -> dict[str, Any] | None:
    output: dict[str, Any] = {}
    effort = extra.pop("reasoning_effort", None)
    if effort == "none":
        extra.setdefault("thinking", {"type": "disabled"})
    elif effort is not None:
        output["effort"] = _EFFORTS.get(effort, effort) if isinstance(effort, str) else effort
    if schema:
        output["format"] = {"type": "json_schema", "schema": schema}
    return {**output, **_taken(extra, "output_config")} or None


def _stops(extra: dict[str, Any]) -> Any:
    stop = extra.pop("stop", None)
    return [stop] if isinstance(stop, str) else stop


def _metadata(extra: dict[str, Any]) -> dict[str, Any] | None:
    """OpenAI's `user`, by now its `safety_identifier`, is the one field of Anthropic's metadata."""
    user, metadata = extra.get("safety_identifier", extra.get("user")), _taken(extra, "metadata")
    return {**({} if user is None else {"user_id": user}), **metadata} or None


def _taken(extra: dict[str, Any], name: str) -> Mapping[str, Any]:
    """The dict that was given as `name`, taken out of `extra`; an empty one for none."""
    value = extra.pop(name, {})
    if not isinstance(value, Mapping):
        raise InvalidRequestError(f"{name} is a {type(value).__name__}; give a dict")
    return value
