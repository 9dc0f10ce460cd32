"""From a conversation in OpenAI's words to Gemini's contents and system instruction.

Source: https://ai.google.dev/api/caching#Content; on signatures,
https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from cloud.llm.calls import is_parts
from cloud.llm.codec import placed
from cloud.llm.gemini.parts import converted_part
from cloud.llm.parts import placed_parts
from cloud.llm.tool_calls import called_function
from cloud.llm.types import GOOGLE_SIGNATURE
from LLM.exceptions import InvalidRequestError

#: Models before Gemini 3: they count thoughts in tokens, and can do without signatures.
OLDER_MODEL = re.compile(r"gemini-[12][.-]")
#: What Google wants in place of a signature where another model, or nobody, made the call.
#: Without one, Gemini 3 and later refuse a conversation that has called tools elsewhere.
UNSIGNED = "skip_thought_signature_validator"


class Conversation:
    """Messages as Gemini has them.

    System turns, wherever they stand, become the system instruction; tool results in a row become
    one turn, each named after the call that it answers.

    :param messages: dicts in OpenAI's shape; turns in Google's own (`parts`) pass as they are.
    :param model: the model that is asked.
    :param api_root: where files that are given by name alone lie.
    :param has_system: as in `ChatCall`.
    :raises InvalidRequestError: a message has no form at Gemini; the error names it.
    """

    def __init__(
        self,
        messages: list[dict[str, Any]],
        model: str,
        api_root: str,
        *,
        has_system: bool = False,
    ) -> None:
        #: The turns.
        self.contents: list[dict[str, Any]] = []
        #: None when there are no system turns.
        self.system_instruction: dict[str, Any] | None = None
        self._api_root = api_root
        self._wants_signatures = "gemini" in model and not OLDER_MODEL.search(model)
        self._names: dict[str, str] = {}
        self._results: list[dict[str, Any]] | None = None
        system: list[dict[str, Any]] = []
        for place, message in placed(messages, has_system):
            role = message["role"]
            if role in ("system", "developer"):
                system += self._instruction(message.get("content"), place)
            elif role == "tool":
                self._add_result(message, place)
            else:
                self._results = None
                self._add_turn(role, message, place)
        if system:
            self.system_instruction = {"parts": system}
        if not self.contents:
            raise InvalidRequestError("messages has no turn that Gemini could answer; add a user's")

    def _instruction(self, content: Any, place: str) -> list[dict[str, Any]]:
        """The parts of a system turn; one that says nothing has none, for the API refuses them."""
        if content in (None, "", []):
            return []
        parts = self._content_parts(content, place)
        return [part for part in parts if part.get("text") != ""]

    def _add_turn(self, role: str, message: dict[str, Any], place: str) -> None:
        if role not in ("user", "assistant", "model"):
            raise InvalidRequestError(
                f"{place} has role {role!r}; give system, developer, user, assistant or tool"
            )
        parts = message.get("parts")
        if isinstance(parts, list) and message.get("content") is None:
            parts = list(parts)
        elif role == "user":
            parts = self._content_parts(message.get("content"), place)
        else:
            parts = self._assistant_parts(message, place)
        if parts:
            self.contents.append({"role": "user" if role == "user" else "model", "parts": parts})

    def _assistant_parts(self, message: dict[str, Any], place: str) -> list[dict[str, Any]]:
        content = message.get("content")
        if not content:
            content = message.get("refusal")
        thoughts, signature = _signed_thoughts(message.get("thinking_blocks"))
        parts = self._content_parts(content, place) if content else []
        if signature:
            if not parts or "text" not in parts[-1]:
                parts.append({"text": ""})
            parts[-1] = {**parts[-1], "thoughtSignature": signature}
        return thoughts + parts + self._calls(message, place)

    def _content_parts(self, content: Any, place: str) -> list[dict[str, Any]]:
        if content is None or content == []:
            raise InvalidRequestError(f"{place} has no content; give text or a list of parts")
        converted = (
            converted_part(part, where, self._api_root)
            for where, part in placed_parts(content, f"{place}.content")
        )
        return [part for part in converted if part is not None]

    def _calls(self, message: dict[str, Any], place: str) -> list[dict[str, Any]]:
        parts = [
            self._call(call, f"{place}.tool_calls[{number}]")
            for number, call in enumerate(message.get("tool_calls") or ())
        ]
        # Of calls made together, only the first is signed.
        if parts and self._wants_signatures:
            parts[0].setdefault("thoughtSignature", UNSIGNED)
        return parts

    def _call(self, call: Any, place: str) -> dict[str, Any]:
        name, arguments = called_function(call, place)
        fields: dict[str, Any] = {"name": name, "args": arguments}
        if call.get("id"):
            fields["id"] = call["id"]
            self._names[str(call["id"])] = name
        part: dict[str, Any] = {"functionCall": fields}
        extra = call.get("extra_content")
        google = extra.get("google") if isinstance(extra, Mapping) else None
        if isinstance(google, Mapping) and google.get("thought_signature"):
            part["thoughtSignature"] = google["thought_signature"]
        return part

    def _add_result(self, message: dict[str, Any], place: str) -> None:
        call_id = message.get("tool_call_id")
        name = self._names.get(str(call_id)) or message.get("name")
        if not name:
            raise InvalidRequestError(
                f"{place} answers the call {call_id!r}, which no turn before it makes; Gemini "
                "matches results by the tool's name, so give the call's turn, or a 'name'"
            )
        fields: dict[str, Any] = {"name": name, **self._result(message, place)}
        if call_id:
            fields["id"] = call_id
        if self._results is None:
            self._results = []
            self.contents.append({"role": "user", "parts": self._results})
        self._results.append({"functionResponse": fields})

    def _result(self, message: Mapping[str, Any], place: str) -> dict[str, Any]:
        """A tool's result: an object as it is, anything else as an object's `result`.

        What a tool that failed has to say is the object's `error`, as the API has it.
        """
        content = message.get("content")
        if message.get("is_error"):
            return {"response": {"error": "" if content is None else content}}
        if isinstance(content, Mapping):
            return {"response": content}
        if isinstance(content, str) or content is None:
            return {"response": _as_object(content or "")}
        if not is_parts(content):
            return {"response": {"result": content}}
        parts = self._content_parts(content, place)
        text = "".join(part["text"] for part in parts if "text" in part)
        media = [part for part in parts if "text" not in part]
        return {"response": _as_object(text), **({"parts": media} if media else {})}


def _signed_thoughts(blocks: Any) -> tuple[list[dict[str, Any]], str]:
    """Google's own among the blocks of thought that an assistant's turn carries.

    Those of others are left out: a signature that is not Google's own would be refused, and
    thoughts without one say nothing to the model.

    :return: thoughts as parts, and the signature of the text behind them, if it has one.
    """
    thoughts: list[dict[str, Any]] = []
    of_text = ""
    for block in blocks if isinstance(blocks, list) else ():
        signature = block.get("signature") if isinstance(block, Mapping) else None
        if not isinstance(signature, str) or not signature.startswith(GOOGLE_SIGNATURE):
            continue
        signature = signature.removeprefix(GOOGLE_SIGNATURE)
        if block.get("thinking"):
            thoughts.append(
                {"text": block["thinking"], "thought": True, "thoughtSignature": signature}
            )
        else:
            of_text = signature
    return thoughts, of_text


def _as_object(text: str) -> dict[str, Any]:
    """A tool's text as an object: the one that it is, or else an object's `result`."""
    try:
        value = from_json(text, allow_inf_nan=False) if text.lstrip()[:1] == "{" else None
    except (ValueError, TypeError):  # the latter for a lone surrogate
        value = None
    return value if isinstance(value, dict) else {"result": text}
