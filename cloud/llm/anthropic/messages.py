"""A conversation as OpenAI has it, made Anthropic's system prompt and turns. Pure.

Anthropic knows turns of ``user`` and ``assistant``. What instructs the model stands apart from
them, and what tools gave stands at the beginning of the user's turn after the calls.

Source: https://platform.claude.com/docs/en/api/messages/create
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cloud.llm.anthropic.parts import Block, blocks_of, marked, text_block
from cloud.llm.calls import is_parts
from cloud.llm.codec import placed
from cloud.llm.tool_calls import called_function, result_content
from cloud.llm.types import GOOGLE_SIGNATURE
from LLM.exceptions import InvalidRequestError

Turn = dict[str, Any]

#: The API refuses ids with other characters; those of some providers have them.
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9_-]")
_THOUGHTS = ("thinking", "redacted_thinking")


def conversation(
    messages: Sequence[dict[str, Any]], has_system: bool = False
) -> tuple[list[Block], list[Turn]]:
    """The blocks of the system prompt, and the turns.

    System and developer turns go into the system prompt, wherever they stand: only some models take
    them in between. Messages of users and tools that follow one another become one turn. An
    assistant's turn that says nothing is left out, for the API refuses it.

    :raises InvalidRequestError: names what Anthropic has no form for.
    """
    system: list[Block] = []
    turns: list[tuple[str, list[Block]]] = []
    for where, message in placed(messages, has_system):
        role = message["role"]
        if role in ("system", "developer"):
            system += _system(message, where)
            continue
        blocks = marked(_blocks(role, message, where), message.get("cache_control"))
        if role == "assistant":
            if blocks:
                turns.append((role, blocks))
        elif turns and turns[-1][0] == "user":
            turns[-1][1].extend(blocks)
        else:
            turns.append(("user", list(blocks)))
    if not turns:
        raise InvalidRequestError("messages has no turn that Anthropic could answer; add a user's")
    return system, [{"role": role, "content": _content(blocks)} for role, blocks in turns]


def system_prompt(blocks: list[Block]) -> str | list[Block] | None:
    """The system prompt: one text, or blocks where one of them carries a cache marker."""
    if any(len(block) > 2 for block in blocks):
        return blocks
    return "\n\n".join(block["text"] for block in blocks) or None


def _blocks(role: str, message: Mapping[str, Any], where: str) -> list[Block]:
    if role == "assistant":
        return _assistant(message, where)
    if role == "tool":
        return [_tool_result(message, where)]
    if role != "user":
        raise InvalidRequestError(
            f"{where}.role is {role!r}; give 'system', 'developer', 'user', 'assistant' or 'tool'"
        )
    blocks = blocks_of(message.get("content"), where)
    if not blocks:
        raise InvalidRequestError(f"{where}.content is empty; Anthropic takes no turn without any")
    return blocks


def _system(message: Mapping[str, Any], where: str) -> list[Block]:
    blocks = blocks_of(message.get("content"), where)
    for i, block in enumerate(blocks):
        if block["type"] != "text":
            raise InvalidRequestError(
                f"{where}.content[{i}] is of type {block['type']!r}; a system prompt is text"
            )
    return marked(blocks, message.get("cache_control"))


def _assistant(message: Mapping[str, Any], where: str) -> list[Block]:
    blocks = blocks_of(message.get("content"), where)
    if not blocks and isinstance(message.get("refusal"), str) and message["refusal"]:
        blocks = [text_block(message["refusal"])]
    # A caller may give back Anthropic's own content, in which the thoughts are.
    if not any(block["type"] in _THOUGHTS for block in blocks):
        blocks = [*_thoughts(message, where), *blocks]
    for i, call in enumerate(message.get("tool_calls") or ()):
        blocks.append(_tool_use(call, f"{where}.tool_calls[{i}]"))
    return blocks


def _thoughts(message: Mapping[str, Any], where: str) -> list[Block]:
    """Blocks of thought that the API takes back: those that it has signed, and not Google."""
    thoughts = message.get("thinking_blocks") or []
    if thoughts and not is_parts(thoughts):
        raise InvalidRequestError(
            f"{where}.thinking_blocks is no list of dicts with a 'type'; give them as they came"
        )
    return [dict(one) for one in thoughts if one["type"] != "thinking" or _is_ours(one)]


def _is_ours(thought: Mapping[str, Any]) -> bool:
    signature = thought.get("signature")
    return bool(signature) and not str(signature).startswith(GOOGLE_SIGNATURE)


def _tool_use(call: Any, where: str) -> Block:
    name, arguments = called_function(call, where)
    call_id = _call_id(call.get("id"), f"{where}.id")
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def _tool_result(message: Mapping[str, Any], where: str) -> Block:
    block: Block = {
        "type": "tool_result",
        "tool_use_id": _call_id(message.get("tool_call_id"), f"{where}.tool_call_id"),
    }
    content = result_content(message.get("content"), f"{where}.content")
    if content:
        block["content"] = content if isinstance(content, str) else blocks_of(content, where)
    if message.get("is_error"):
        block["is_error"] = True
    return block


def _call_id(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidRequestError(f"{where} is missing; calls and results are matched by it")
    return _NOT_IN_ID.sub("_", value)


def _content(blocks: list[Block]) -> str | list[Block]:
    """A turn's content: plain text where it is no more than that; results of tools come first."""
    if len(blocks) == 1 and blocks[0]["type"] == "text" and len(blocks[0]) == 2:
        text: str = blocks[0]["text"]
        return text
    return sorted(blocks, key=lambda block: block["type"] != "tool_result")
