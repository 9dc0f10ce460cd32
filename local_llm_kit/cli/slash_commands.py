"""Commands that are typed in a chat, behind a slash."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from LLM.exceptions import LLMConfigError
from local_llm_kit.cli.lines import FENCE, Lines

SessionT = TypeVar("SessionT")

_KEYS = {FENCE: "begins and ends a text of several lines", "Ctrl-C": "stops the answer",
         "Ctrl-D": "leaves"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SlashCommand(Generic[SessionT]):
    """A command of a chat.

    :param usage: how it is typed.
    :param meaning: a line of help.
    :param run: does it, given the chat, what stands behind the command's name, and where further
        lines come from; what it returns is shown.
    """

    usage: str
    meaning: str
    run: Callable[[SessionT, str, Lines], str]


def help_text(commands: Mapping[str, SlashCommand[SessionT]]) -> str:
    """A line for each command, and for the keys that do something."""
    shown = {command.usage: command.meaning for command in commands.values()} | _KEYS
    width = max(map(len, shown))
    return "\n".join(f"{usage:{width}}  {meaning}" for usage, meaning in shown.items())


def is_command(text: str) -> bool:
    """Whether a typed text is a command; two slashes begin a text."""
    return text.startswith("/") and not text.startswith("//")


def unescaped(text: str) -> str:
    """A text that is no command, without the slash that says so."""
    return text.removeprefix("/") if text.startswith("//") else text


def run_command(
    commands: Mapping[str, SlashCommand[SessionT]], session: SessionT, line: str, lines: Lines
) -> str:
    """Do what a line that begins with a slash says.

    :param commands: by name; ``/exit`` also answers to ``/bye`` and ``/quit``.
    :param lines: where a text of several lines comes from.
    :return: what is to be shown; may be empty.
    :raises EOFError: it says to leave.
    :raises LLMError: it cannot be done.
    """
    name, _, argument = line.strip().partition(" ")
    if name in ("/bye", "/quit"):
        name = "/exit"
    if name not in commands:
        near = difflib.get_close_matches(name, commands, n=1, cutoff=0.8)
        meant = f"; did you mean {near[0]}?" if near else "; /help shows them, // begins a text"
        raise LLMConfigError(f"there is no command {name!r}{meant}")
    return commands[name].run(session, argument.strip(), lines)
