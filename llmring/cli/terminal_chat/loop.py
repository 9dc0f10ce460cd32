"""Taking what is typed, until it ends."""

from __future__ import annotations

import sys

import click

from LLM.exceptions import LLMContextLengthError, LLMError
from llmring.cli.terminal_chat.commands import COMMANDS
from llmring.cli.terminal_chat.session import Session
from llmring.schemas import Message
from local_llm_kit.cli.lines import Lines, read_text
from local_llm_kit.cli.slash_commands import is_command, run_command, unescaped
from local_llm_kit.cli.terminal import note, printable


def converse(session: Session, lines: Lines) -> None:
    """Answer what is typed until it ends; what goes wrong at a terminal can be tried again.

    Ctrl-C stops an answer. Pressed again at the prompt, before anything else is typed, it leaves.

    :raises LLMError: without a terminal, what went wrong.
    :raises KeyboardInterrupt: without a terminal, Ctrl-C was pressed.
    """
    was_stopped = False
    while True:
        text: str | None = None
        try:
            text = read_text(lines, ">>> ")
            _take(session, text, lines)
            was_stopped = False
        except EOFError:
            return
        except KeyboardInterrupt:
            if not sys.stdin.isatty() or (text is None and was_stopped):
                raise
            note("(stopped; Ctrl-C again leaves)" if text is not None else "(Ctrl-C again leaves)")
            was_stopped = True
        except LLMError as err:
            if not sys.stdin.isatty():
                raise
            was_stopped = False
            click.echo(f"error: {printable(str(err))}", err=True)
            if isinstance(err, LLMContextLengthError):
                note("(/clear begins a new chat)")


def _take(session: Session, text: str, lines: Lines) -> None:
    if is_command(text):
        shown = run_command(COMMANDS, session, text, lines)
        if shown:
            click.echo(printable(shown), err=True)
    elif text.strip():
        session.ask(Message(role="user", content=unescaped(text)))
