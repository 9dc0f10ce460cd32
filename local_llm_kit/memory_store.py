"""Conversations in SQLite: one file for many of them, shared by threads and processes.

A turn is one transaction, and is on the disk before `append` returns (write-ahead log, synced at
every commit): what was acknowledged survives kill -9 and a power cut. Messages that left the window
of memory are marked and stay, so that the file holds everything that was said.

Text is kept exactly, and only ever handed to SQLite as a parameter.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from LLM.exceptions import LLMConfigError
from local_llm_kit.memory_file import MemoryFile

MAX_NAME_CHARS = 200

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A message to store, or one that was.

    :param body: the message as OpenAI's API has it, as JSON text.
    :param key: digest of what the message says, for recognising it.
    :param instructs: it came as a call's system message, and gives way to those of a later call.
    :param id: its place among all messages; 0 before it is stored.
    """

    body: str
    key: bytes
    instructs: bool = False
    id: int = 0

    @property
    def message(self) -> Message:
        """The message, made anew each time, so that callers may change what they get."""
        message: Message = from_json(self.body)
        return message


@dataclass(frozen=True, slots=True)
class Window:
    """What of a conversation is in memory.

    :param entries: messages, oldest first.
    :param note: summary of turns that have left; None when there is none.
    """

    entries: list[Entry]
    note: str | None


class MemoryStore:
    """Conversations in a file, or in this process's memory alone. Safe for many threads.

    :param path: the file; it and its folder are made when missing, readable to their owner alone.
        None keeps everything in memory.
    :raises StoreError: it is another program's file, damaged, of a newer version, or locked.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._file = MemoryFile(path)

    def is_at(self, path: str | os.PathLike[str] | None) -> bool:
        """Whether this store is open, and is the one at `path`."""
        return self._file.is_at(path)

    def conversation(self, name: str) -> int:
        """Number of the conversation called `name`, which is begun when there is none.

        :raises LLMConfigError: the name is empty, too long, or not text.
        """
        _check_name(name)
        query = "SELECT id FROM conversations WHERE name = ?"
        with self._file.lock:
            if not (found := self._file.rows(query, name)):
                with self._file.transaction() as db:
                    db.execute("INSERT OR IGNORE INTO conversations (name) VALUES (?)", (name,))
                    # Within: afterwards another process may have cleared it.
                    found = self._file.rows(query, name)
            return int(found[0][0])

    def names(self) -> list[str]:
        """Names of the conversations in which something was said, the latest first."""
        rows = self._file.rows(
            "SELECT name, (SELECT max(id) FROM messages WHERE conversation = c.id) AS latest "
            "FROM conversations c WHERE latest NOTNULL ORDER BY latest DESC"
        )
        return [name for name, _ in rows]

    def append(self, conversation: int, entries: Sequence[Entry]) -> bool:
        """Add messages, all or none; they are on the disk when this returns.

        Entries that instruct take those of earlier calls out of the window.

        :return: False when the conversation was cleared meanwhile, or the store closed.
        :raises StoreError: nothing was stored.
        """
        now = time.time()
        rows = [(conversation, now, one.key, one.body, one.instructs) for one in entries]
        with self._file.lock:
            if self._file.closed:
                return False
            with self._file.transaction() as db:
                if not self._file.rows("SELECT 1 FROM conversations WHERE id = ?", conversation):
                    return False
                if any(one.instructs for one in entries):
                    db.execute(
                        "UPDATE messages SET in_window = 0 WHERE conversation = ? AND instructs",
                        (conversation,),
                    )
                db.executemany(
                    "INSERT INTO messages (conversation, created, key, body, instructs) "
                    "VALUES (?, ?, ?, ?, ?)",
                    rows,
                )
        return True

    def window(self, conversation: int) -> Window:
        """What of a conversation is in memory; instructions first."""
        with self._file.lock:
            notes = self._file.rows("SELECT note FROM conversations WHERE id = ?", conversation)
            rows = self._file.rows(
                "SELECT id, body, key, instructs FROM messages WHERE conversation = ? "
                "AND in_window ORDER BY instructs DESC, id",
                conversation,
            )
        entries = [Entry(body, key, bool(instructs), id_) for id_, body, key, instructs in rows]
        for entry in entries:
            self._read(entry.body)
        return Window(entries, notes[0][0] if notes else None)

    def shrink(self, conversation: int, dropped: Sequence[int], note: str | None) -> bool:
        """Take messages out of the window, and put a note in the place of the last one.

        :param dropped: ids of the messages; they stay in the history.
        :return: False when another process had dropped one of them: then nothing was done.
        """
        with self._file.transaction() as db:
            for id_ in dropped:
                found = db.execute(
                    "UPDATE messages SET in_window = 0 WHERE id = ? AND in_window", (id_,)
                )
                if not found.rowcount:
                    db.execute("ROLLBACK")
                    return False
            db.execute("UPDATE conversations SET note = ? WHERE id = ?", (note, conversation))
        return True

    def last_keys(self, conversation: int, n_messages: int) -> list[bytes]:
        """Keys of the last messages of a conversation, oldest first, instructions left out."""
        rows = self._file.rows(
            "SELECT key FROM messages WHERE conversation = ? AND NOT instructs "
            "ORDER BY id DESC LIMIT ?",
            conversation,
            n_messages,
        )
        return [key for (key,) in reversed(rows)]

    def history(self, conversation: int) -> list[Message]:
        """Everything that was said in a conversation, oldest first."""
        rows = self._file.rows(
            "SELECT body FROM messages WHERE conversation = ? ORDER BY id", conversation
        )
        return [self._read(body) for (body,) in rows]

    def _read(self, body: str) -> Message:
        """A stored message.

        :raises StoreError: it is none, since the file is damaged.
        """
        try:
            return dict(from_json(body))
        except (ValueError, TypeError) as err:
            self._file.refuse_damaged(err)

    def clear(self, conversation: int) -> None:
        """Forget a conversation, on the disk too."""
        with self._file.transaction() as db:
            db.execute("DELETE FROM conversations WHERE id = ?", (conversation,))
        # What was deleted stands in the log until then.
        self._file.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file; repeatable. A forked child leaves its parent's file alone."""
        self._file.close()


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARS:
        shown = f"{len(name)} characters long" if isinstance(name, str) else type(name).__name__
        raise LLMConfigError(
            f"conversation is {shown}; give a name of 1 to {MAX_NAME_CHARS} characters"
        )
    try:
        name.encode()
    except UnicodeEncodeError:
        raise LLMConfigError(
            "conversation holds half of a surrogate pair, which is not text; give another name"
        ) from None
