"""Where a transcript goes: standard error or a file, as text or as lines of JSON.

A record is one `Record`; it is written at once and in one piece. What cannot be written is left
out, for a transcript must not end the calls that it tells of.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from LLM.debug import VARIABLE
from LLM.exceptions import LLMConfigError
from LLM.printable import is_terminal
from LLM.transcript.text import as_text

#: Fields of one block: `event`, `number` and `time` among them; JSON without keys.
Record = dict[str, Any]

_ON = frozenset(("1", "true", "yes", "on"))
_JSON_SUFFIXES = frozenset((".json", ".jsonl", ".ndjson"))


class Output:
    """Writes records. For all threads and tasks, and for processes that share a file.

    :param write: takes a whole block.
    :param is_json: one line of JSON for each record, in place of text.
    :param has_colours: asked for each record; standard error may be replaced.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        close: Callable[[], None],
        *,
        is_json: bool,
        has_colours: Callable[[], bool],
    ) -> None:
        self._write = write
        self._close = close
        self._is_json = is_json
        self._has_colours = has_colours
        # The garbage collector may close a stream, and so write, in the middle of writing.
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._is_closed = False

    def write(self, record: Record) -> None:
        """Write a record, if it can be written, and until `close`."""
        if self._is_json:
            block = json.dumps(record, default=str) + "\n"
        else:
            block = as_text(record, coloured=self._has_colours())
        if self._pid != os.getpid():
            # Whoever held the lock when the process was forked is not in this one.
            self._lock, self._pid = threading.RLock(), os.getpid()
        # A full disk, a reader that has gone, a stream that was closed.
        with self._lock, contextlib.suppress(OSError, ValueError):
            # The file's number may be that of a socket by now.
            if not self._is_closed:
                self._write(block)

    def close(self) -> None:
        """Close the file, where it is one. Repeatable."""
        with self._lock, contextlib.suppress(OSError):
            is_closed, self._is_closed = self._is_closed, True
            if not is_closed:
                self._close()


def open_output(setting: str) -> Output:
    """Where ``LLM_DEBUG`` has the transcript go.

    :param setting: ``1`` for standard error, ``json`` for lines of JSON there, else the path of a
        file to append to, with lines of JSON where its name ends in ``.jsonl``.
    :raises LLMConfigError: it is none of these, or the file cannot be opened.
    """
    word = setting.lower()
    if word in _ON or word == "json":
        return Output(
            _write_error, _nothing, is_json=word == "json", has_colours=_error_has_colours
        )
    path = Path(setting).expanduser()
    # "LLM_DEBUG=2" means no file of that name.
    if not path.suffix and not path.is_absolute() and len(path.parts) == 1:
        raise LLMConfigError(
            f"{VARIABLE} is {setting!r}; give 1 (standard error), json (the same in lines of "
            "JSON), or a file such as ./llm.log or calls.jsonl"
        )
    try:
        # It will hold prompts: made for its owner alone. A pipe that nobody reads is refused, and
        # not waited for.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
        handle = os.open(path, flags, 0o600)
        if flags & getattr(os, "O_NONBLOCK", 0):
            os.set_blocking(handle, True)
    except (OSError, ValueError) as err:
        problem = getattr(err, "strerror", None) or "it is no path"
        raise LLMConfigError(f"{VARIABLE} names {setting!r}, to which nothing can be written: "
                             f"{problem}") from None  # fmt: skip

    def write(block: str) -> None:
        left = block.encode("utf-8", "backslashreplace")
        while left:
            left = left[os.write(handle, left) :]

    is_json = path.suffix.lower() in _JSON_SUFFIXES
    return Output(write, lambda: os.close(handle), is_json=is_json, has_colours=lambda: False)


def _write_error(block: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(block)
        sys.stderr.flush()


def _nothing() -> None:
    """Standard error is not ours to close."""


def _error_has_colours() -> bool:
    """Whether standard error is a terminal that may be coloured; see https://no-color.org."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return is_terminal(sys.stderr)
