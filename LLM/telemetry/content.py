"""What was said, in the form of the conventions; recorded only when the user has asked for it.

Keys are masked before anything is cut, so that no part of one is left; then each text is cut, and
the oldest messages are left out, so that an attribute stays within bounds. Pictures and files are
named, never copied.

Source: the JSON schemas ``gen-ai-input-messages``, ``gen-ai-output-messages``,
``gen-ai-system-instructions`` and ``gen-ai-tool-definitions`` of the conventions; attributes of
spans hold them as JSON text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json, to_json

from LLM.secrets import Secrets, scrub_text
from LLM.telemetry import names
from LLM.telemetry.answers import Output
from LLM.telemetry.asked import Asked, Attributes

#: Most characters of one text, and of one attribute.
MAX_TEXT_CHARS = 8_192
MAX_ATTRIBUTE_CHARS = 65_536

Part = dict[str, Any]

#: OpenAI's parts that hold no text, with the modality that they are of.
_MEDIA = {
    "image_url": "image",
    "input_image": "image",
    "input_audio": "audio",
    "video_url": "video",
}


def input_attributes(asked: Asked) -> Attributes:
    """The messages that are sent, the instructions given apart from them, and the tools."""
    cleaner = _Cleaner(asked.secret)
    fields = asked.fields
    messages = [one for one in fields.get("messages") or () if isinstance(one, Mapping)]
    found: Attributes = {}
    if asked.has_system and messages:
        system, messages = messages[0], messages[1:]
        found[names.SYSTEM_INSTRUCTIONS] = _text_of(cleaner.parts(system.get("content")))
    elif not messages and "prompt" in fields:
        messages = [{"role": "user", "content": one} for one in _prompts(fields["prompt"])]
    if messages:
        found[names.INPUT_MESSAGES] = _text_of([cleaner.message(one) for one in messages])
    tools = fields.get("tools")
    if isinstance(tools, Sequence) and tools:
        found[names.TOOL_DEFINITIONS] = _text_of([cleaner.tool(tool) for tool in tools])
    return found


def output_attributes(output: Output, secret: Secrets) -> Attributes:
    """The messages of an answer, one a choice."""
    cleaner = _Cleaner(secret)
    return {
        names.OUTPUT_MESSAGES: _text_of(
            [
                # The conventions' own word for a message is the singular.
                cleaner.message(message)
                | {"finish_reason": "tool_call" if reason == "tool_calls" else reason}
                for message, reason in output
            ]
        )
    }


def tool_text(value: Any, secret: Secrets = None) -> str:
    """A tool's arguments or its result."""
    return _Cleaner(secret).text(value if isinstance(value, str) else _json(value))


def _prompts(prompt: Any) -> list[str]:
    """The texts of a text completion's prompt; token ids are none."""
    texts = [prompt] if isinstance(prompt, str) else prompt
    return [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []


def _text_of(items: list[Any]) -> str:
    """JSON of the newest items that there is room for."""
    pieces: list[str] = []
    left = MAX_ATTRIBUTE_CHARS
    for item in reversed(items):
        piece = _json(item)
        left -= len(piece) + 1
        if left < 0:
            break
        pieces.append(piece)
    return f"[{','.join(reversed(pieces))}]"


def _json(value: Any) -> str:
    return to_json(value, fallback=lambda one: f"<{type(one).__name__}>").decode("utf-8", "replace")


class _Cleaner:
    """Makes the conventions' words of OpenAI's, without keys and within bounds."""

    def __init__(self, secret: Secrets) -> None:
        self._secret = secret

    def text(self, text: str) -> str:
        """A text without keys, as much of it as is recorded."""
        text = scrub_text(text, self._secret)
        if len(text) <= MAX_TEXT_CHARS:
            return text
        return f"{text[:MAX_TEXT_CHARS]}… ({len(text) - MAX_TEXT_CHARS} more characters)"

    def message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """A message of a conversation."""
        role = str(message.get("role"))
        content = message.get("content")
        if role == "tool":
            parts: list[Part] = [
                {
                    "type": "tool_call_response",
                    "id": message.get("tool_call_id"),
                    "response": self.text(content if isinstance(content, str) else _json(content)),
                }
            ]
        else:
            parts = []
            thought = message.get("reasoning_content") or message.get("reasoning")
            if isinstance(thought, str) and thought:
                parts.append({"type": "reasoning", "content": self.text(thought)})
            parts += self.parts(content)
            if isinstance(message.get("refusal"), str) and message["refusal"]:
                parts.append({"type": "text", "content": self.text(message["refusal"])})
            calls = message.get("tool_calls")
            parts += [self._call(call) for call in calls or () if isinstance(call, Mapping)]
        told: dict[str, Any] = {"role": role, "parts": parts}
        if isinstance(message.get("name"), str):
            told["name"] = self.text(message["name"])
        return told

    def parts(self, content: Any) -> list[Part]:
        """The parts of a message's content."""
        if isinstance(content, str):
            return [{"type": "text", "content": self.text(content)}]
        if not isinstance(content, Sequence):
            return []
        return [self._part(part) for part in content if isinstance(part, Mapping)]

    def tool(self, tool: Any) -> dict[str, str]:
        """A tool by its name: the conventions advise against recording more of it."""
        if not isinstance(tool, Mapping):
            return {"type": "function", "name": type(tool).__name__}
        function = tool.get("function")
        holder = function if isinstance(function, Mapping) else tool
        return {
            "type": self.text(str(tool.get("type") or "function")),
            "name": self.text(str(holder.get("name") or "")),
        }

    def _part(self, part: Mapping[str, Any]) -> Part:
        kind = str(part.get("type"))
        text = part.get("text")
        if isinstance(text, str):
            return {"type": "text", "content": self.text(text)}
        if kind not in _MEDIA:
            return {"type": self.text(kind)}
        source = part.get(kind)
        address = source.get("url") if isinstance(source, Mapping) else source
        told: Part = {"modality": _MEDIA[kind]}
        if isinstance(address, str) and not address.startswith("data:"):
            # The query may hold a signature that opens the file.
            return told | {"type": "uri", "uri": self.text(address.partition("?")[0])}
        return told | {"type": "blob", "content": ""}

    def _call(self, call: Mapping[str, Any]) -> Part:
        function = call.get("function")
        function = function if isinstance(function, Mapping) else {}
        arguments = function.get("arguments")
        text = self.text(arguments if isinstance(arguments, str) else _json(arguments))
        try:
            parsed: Any = from_json(text)
        except ValueError:
            parsed = text  # cut, or no JSON in the first place
        return {
            "type": "tool_call",
            "id": call.get("id"),
            "name": self.text(str(function.get("name") or "")),
            "arguments": parsed,
        }
