"""Asking the user a question of few answers."""

from __future__ import annotations

import sys

import click

from local_llm_kit.cli.terminal import printable


def ask(question: str, answers: tuple[str, ...]) -> str | None:
    """What the user answers; at the end of the input the second answer, which is the no.

    :param answers: the words that may be typed; how they begin will do.
    :return: one of them; None where there is no terminal to ask at.
    :raises KeyboardInterrupt: Ctrl-C was pressed.
    """
    if not sys.stdin.isatty():
        return None
    _forget_typed()
    while True:
        choice = "/".join(answers)
        click.echo(f"{printable(question)} [{choice}] ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line:
            click.echo(err=True)
            return answers[1]
        typed = line.strip().lower()
        if typed == "yes":
            typed = "y"
        found = [answer for answer in answers if typed and answer.startswith(typed)]
        if typed == "no" or found:
            return found[0] if found else answers[1]


def _forget_typed() -> None:
    """Drop what was typed before the question was there: it was no answer to it."""
    try:
        import termios
    except ImportError:  # Windows
        return
    termios.tcflush(sys.stdin, termios.TCIFLUSH)
