"""Conversations of items as the messages of a chat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import invalid


def chat_messages(items: Iterable[JSONObject], instructions: str | None) -> list[JSONObject]:
    """The messages of a conversation.

    The calls of a turn, and what was said between them, are one assistant's message: templates
    write the calls after the text, and results after both.

    :param items: as `read_input` and answers give them.
    :param instructions: the system's words before all of it.
    :raises InvalidRequestError: a call's output has no call.
    """
    messages: list[JSONObject] = []
    if instructions is not None:
        messages.append({"role": "system", "content": instructions})
    thought = ""
    called: set[str] = set()
    for item in items:
        kind = item["type"]
        if kind == "reasoning":
            thought += _thought_of(item)
            continue
        if kind == "function_call":
            called.add(item["call_id"])
            _assistant(messages).setdefault("tool_calls", []).append(_call_of(item))
        elif kind == "function_call_output":
            messages.append(_result_of(item, called))
        elif item["role"] == "assistant":
            _say(messages, "".join(map(_text_of, item["content"])))
        else:
            messages.append({"role": item["role"], "content": _given(item["content"])})
        if thought and messages[-1]["role"] == "assistant":
            messages[-1]["reasoning_content"] = thought
        thought = ""
    return messages


def _assistant(messages: list[JSONObject]) -> JSONObject:
    """The last message, if it is the assistant's, or a new one."""
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    return messages[-1]


def _say(messages: list[JSONObject], text: str) -> None:
    if messages and messages[-1].get("tool_calls"):
        messages[-1]["content"] = (messages[-1]["content"] or "") + text
    else:
        messages.append({"role": "assistant", "content": text})


def _call_of(item: JSONObject) -> JSONObject:
    function = {"name": item["name"], "arguments": item["arguments"]}
    return {"id": item["call_id"], "type": "function", "function": function}


def _result_of(item: JSONObject, called: set[str]) -> JSONObject:
    call_id = item["call_id"]
    if call_id not in called:
        raise invalid(
            "input",
            f"there is an output for the call {call_id!r}, but no such call before it; send the "
            "function_call item too, or previous_response_id",
        )
    output = item["output"]
    text = output if isinstance(output, str) else "".join(map(_text_of, output))
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def _given(content: list[JSONObject]) -> str | list[JSONObject]:
    if all(part["type"] == "input_text" for part in content):
        return "".join(map(_text_of, content))
    return [
        {"type": "text", "text": part["text"]}
        if part["type"] == "input_text"
        else {
            "type": "image_url",
            "image_url": {"url": part["image_url"], "detail": part["detail"]},
        }
        for part in content
    ]


def _text_of(part: Mapping[str, Any]) -> str:
    text: str = part["refusal"] if part["type"] == "refusal" else part["text"]
    return text


def _thought_of(item: JSONObject) -> str:
    """What was thought; of reasoning that is told as a summary only, the summary."""
    return "".join(map(_text_of, item.get("content") or item["summary"]))
