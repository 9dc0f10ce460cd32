"""What a user types: lines from a terminal that can be edited, or from a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from LLM.exceptions import LLMConfigError
from local_llm_kit.cli.files import DATA_VARIABLE, decoded, private_folder
from local_llm_kit.cli.terminal import has_colour

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

#: Begins and ends a text of several lines.
FENCE = '"""'


class Lines(Protocol):
    """Where lines come from."""

    def read(self, prompt: str) -> str:
        """The next line, without its end.

        :raises EOFError: there are no more.
        :raises KeyboardInterrupt: Ctrl-C was pressed.
        """


class PipedLines:
    """Lines of standard input; nothing is shown for them."""

    def read(self, prompt: str) -> str:
        """The next line."""
        line = sys.stdin.buffer.readline()
        if not line:
            raise EOFError
        return decoded(line, "standard input").rstrip("\r\n")


class TypedLines:
    """Lines typed at a terminal, with a history, and commands that complete.

    :param commands: words that complete at the beginning of a line.
    :param history: the file of what was typed before, which grows; None keeps and reads nothing.
    """

    def __init__(self, commands: Sequence[str], history: Path | None) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import WordCompleter
        from prompt_toolkit.history import FileHistory, InMemoryHistory
        from prompt_toolkit.output import ColorDepth

        self._session: PromptSession[str] = PromptSession(
            history=InMemoryHistory() if history is None else FileHistory(str(_private(history))),
            # sentence: only what begins the line completes, slash and all
            completer=WordCompleter(list(commands), sentence=True),
            complete_while_typing=False,
            reserve_space_for_menu=4,
            color_depth=None if has_colour(sys.stdout) else ColorDepth.DEPTH_1_BIT,
        )

    def read(self, prompt: str) -> str:
        """The next line."""
        return self._session.prompt(prompt)


def _private(history: Path) -> Path:
    """A file that is there, readable to its owner alone where it is new.

    :raises LLMConfigError: it cannot be made.
    """
    private_folder(history.parent)
    try:
        history.touch(mode=0o600)
    except OSError as err:
        raise LLMConfigError(
            f"cannot write {str(history)!r}: {err.strerror or err}; set {DATA_VARIABLE} to another "
            "folder, or keep nothing (--no-save)"
        ) from err
    return history


def open_lines(commands: Sequence[str], history: Path | None) -> Lines:
    """Lines of whoever is at standard input; see `TypedLines`."""
    return TypedLines(commands, history) if sys.stdin.isatty() else PipedLines()


def read_text(lines: Lines, prompt: str) -> str:
    '''The next text: a line, or several between lines of """.

    :raises EOFError: there are no more.
    '''
    line = lines.read(prompt)
    if not line.lstrip().startswith(FENCE):
        return line
    return read_block(lines, line.lstrip().removeprefix(FENCE))


def read_block(lines: Lines, first: str = "") -> str:
    """Lines up to one that ends with the fence.

    :param first: what stood behind the opening fence.
    :raises EOFError: there are no more.
    """
    block, line = [], first
    while not line.rstrip().endswith(FENCE):
        block.append(line)
        line = lines.read("... ")
    block.append(line.rstrip().removesuffix(FENCE))
    return "\n".join(block).strip("\n")
