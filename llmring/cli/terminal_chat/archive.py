"""Chats that are kept: a file for each, in the user's data folder."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError as PydanticValidationError

from LLM.exceptions import LLMConfigError
from llmring.conversations.contents import shown_text
from llmring.exceptions import SessionError
from llmring.pydantic_errors import first_problem
from llmring.schemas import Message
from local_llm_kit.cli import files

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_KEYS = {"session_id", "model", "created_at", "messages"}


def _new_id() -> str:
    return secrets.token_hex(6)


@dataclass(slots=True)
class Chat:
    """What was said, oldest first, tool calls and their results among it.

    :param model: the alias or model that was asked last; None before the first question.
    """

    session_id: str = field(default_factory=_new_id)
    model: str | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    messages: list[Message] = field(default_factory=list)

    @property
    def n_questions(self) -> int:
        """How many questions the user has asked."""
        return sum(message.role == "user" for message in self.messages)

    @property
    def first_question(self) -> str:
        """What the chat began with; empty where nothing was asked."""
        questions = (message for message in self.messages if message.role == "user")
        first = next(questions, None)
        return "" if first is None else shown_text(first.content)

    def to_json(self) -> str:
        """The chat as its file has it."""
        document = {
            "session_id": self.session_id,
            "model": self.model,
            "created_at": self.created_at.isoformat(),
            "messages": [message.model_dump(exclude_none=True) for message in self.messages],
        }
        return json.dumps(document, ensure_ascii=False, indent=1, default=_as_text) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Chat:
        """The chat of a file.

        :raises ValueError: it is none, or damaged; says why.
        """
        try:
            document = json.loads(text)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        if not isinstance(document, dict) or not document.keys() >= _KEYS:
            raise ValueError(f"it has not the fields {', '.join(sorted(_KEYS))}")
        session_id, model, messages = (
            document["session_id"], document["model"], document["messages"]
        )  # fmt: skip
        if not isinstance(session_id, str) or not isinstance(model, str | None):
            raise ValueError("its session_id or its model is no text")
        if not isinstance(messages, list):
            raise ValueError("its messages are no list")
        created_at = datetime.fromisoformat(str(document["created_at"]))
        if created_at.tzinfo is None:
            created_at = created_at.replace(tzinfo=UTC)
        return cls(session_id, model, created_at, [_message(one) for one in messages])


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON")


def _message(fields: Any) -> Message:
    try:
        return Message.model_validate(fields)
    except PydanticValidationError as err:
        raise ValueError(f"a message is damaged: {first_problem(err)}") from None


class Archive:
    """The chats of a folder.

    :param folder: made, for its owner alone, when a chat is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, chat: Chat) -> None:
        """Keep a chat, in one step: a reader sees it as it was or as it is.

        :raises SessionError: it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as err:
            raise SessionError(
                f"cannot make the folder {str(self.folder)!r}: {err.strerror or err}; keep nothing "
                "with --no-save, or set XDG_DATA_HOME to a folder that can be written",
                err,
            ) from err
        try:
            files.write_text(self._path(chat.session_id), chat.to_json(), private=True)
        except LLMConfigError as err:
            raise SessionError(f"{err.message}; --no-save keeps nothing", err) from err

    def load(self, prefix: str) -> Chat:
        """A chat by its id, or by how that begins.

        :raises SessionError: there is none, there are several, or it is damaged.
        """
        stems = sorted(path.stem for path in self._paths() if path.stem.startswith(prefix))
        if prefix in stems:
            stems = [prefix]
        if not stems:
            raise SessionError(f"no chat begins with {prefix!r}; /sessions lists them")
        if len(stems) > 1:
            raise SessionError(
                f"{len(stems)} chats begin with {prefix!r}: {', '.join(stems[:5])}; write more of "
                "the id"
            )
        return self._read(self._path(stems[0]))

    def newest_first(self) -> Iterator[Chat | SessionError]:
        """The chats, the one that was written last first; in place of a damaged one, why."""
        for path in sorted(self._paths(), key=_written, reverse=True):
            try:
                yield self._read(path)
            except SessionError as err:
                yield err

    def _paths(self) -> list[Path]:
        return [path for path in self.folder.glob("*.json") if path.is_file()]

    def _path(self, session_id: str) -> Path:
        return self.folder / f"{session_id}.json"

    def _read(self, path: Path) -> Chat:
        try:
            chat = Chat.from_json(files.read_text(path))
            if not _ID.fullmatch(path.stem) or chat.session_id != path.stem:
                # It would be written to another file than it was read from.
                raise ValueError(f"its session_id is {chat.session_id[:100]!r}")
        except LLMConfigError as err:
            raise SessionError(err.message, err) from err
        except ValueError as err:
            raise SessionError(f"{str(path)!r} is no chat: {err}", err) from err
        return chat


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # removed meanwhile
        return 0.0
