"""A conversation in the terminal: what was said, and its files."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from LLM.exceptions import InvalidRequestError, LLMConfigError
from local_llm_kit.cli import files

_FORMAT = "local-llm-kit conversation"
_VERSION = 1


@dataclass(slots=True)
class Conversation:
    """What was said, oldest first.

    :param model: name of the model that answered; None before there was one.
    :param system: what the system message says.
    :param turns: messages of users and assistants.
    """

    model: str | None = None
    system: str | None = None
    turns: list[dict[str, Any]] = field(default_factory=list)

    def messages(self) -> list[dict[str, Any]]:
        """The messages as a call takes them."""
        instructions = [{"role": "system", "content": self.system}] if self.system else []
        return [*instructions, *self.turns]

    def undo(self) -> dict[str, Any] | None:
        """Take the last question and its answer back; the question, None where there is none."""
        for i in range(len(self.turns) - 1, -1, -1):
            if self.turns[i]["role"] == "user":
                question = self.turns[i]
                del self.turns[i:]
                return question
        return None

    def to_json(self) -> str:
        """The conversation as a file has it."""
        fields = {"model": self.model, "system": self.system, "messages": self.turns}
        document = {"format": _FORMAT, "version": _VERSION, **fields}
        return json.dumps(document, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> Conversation:
        """The conversation of a file.

        :param source: the file, for errors.
        :raises LLMConfigError: it is none of ours, or damaged.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as err:
            raise LLMConfigError(f"{source} is no conversation: {err}") from None
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            raise LLMConfigError(f"{source} is no conversation; /save writes such files")
        if document.get("version") != _VERSION:
            raise LLMConfigError(
                f"{source} has version {document.get('version')!r}, and this program reads "
                f"{_VERSION}; use the llm-kit that wrote it, or a newer one"
            )
        model, system = document.get("model"), document.get("system")
        for value in (model, system):
            if not isinstance(value, str | None):
                raise LLMConfigError(f"{source} is damaged: {str(value)[:40]!r} is no text")
        return cls(model, system, _checked(document.get("messages"), source))

    def to_markdown(self) -> str:
        """The conversation to read."""
        parts = [f"# Conversation with {self.model or 'a model'}"]
        for message in self.messages():
            parts.append(f"## {str(message['role']).capitalize()}")
            parts.append(text_of(message).strip())
        return "\n\n".join(parts) + "\n"


def text_of(message: dict[str, Any]) -> str:
    """A message's text, empty where it only calls tools; of each image a word."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] if part["type"] == "text" else "(an image)" for part in content)


def _checked(messages: Any, source: str) -> list[dict[str, Any]]:
    if messages == []:
        return []
    from local_llm_kit.messages import normalise_messages  # pydantic, which help does without

    try:
        normalise_messages(messages)
    except InvalidRequestError as err:
        raise LLMConfigError(f"{source} is damaged: {err}") from None
    return list(messages)


class Archive:
    """The conversations that are kept for a user.

    :param folder: made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new_path(self) -> Path:
        """A file for a conversation that begins now."""
        name = time.strftime("%Y-%m-%d_%H-%M-%S")
        later = (f"{name}_{i}" for i in itertools.count(2))
        paths = (self.folder / f"{one}.json" for one in itertools.chain([name], later))
        return next(path for path in paths if not path.exists())

    def newest_first(self) -> list[Path]:
        """The files, the one that was written last first."""
        found = [path for path in self.folder.glob("*.json") if path.is_file()]
        return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)

    def resumed(self, name: str) -> Path:
        """The file of a conversation that goes on; of the newest one for an empty name.

        :raises LLMConfigError: there is none.
        """
        paths = self.newest_first()
        if name:
            paths = [path for path in paths if path.stem == name]
        if not paths:
            which = (
                f"{name!r} in {str(self.folder)!r}; see 'chat --list'"
                if name
                else (f"to go on with in {str(self.folder)!r}; begin one with 'chat'")
            )
            raise LLMConfigError(f"there is no conversation {which}")
        return paths[0]


def load(path: Path) -> Conversation:
    """The conversation of a file.

    :raises LLMConfigError: it cannot be read, or is none.
    """
    return Conversation.from_json(files.read_text(path), repr(str(path)))


def save(conversation: Conversation, path: Path) -> None:
    """Write a conversation to a file that only its owner can read, in one step.

    :raises LLMConfigError: it cannot be written.
    """
    files.write_text(path, conversation.to_json(), private=True)
