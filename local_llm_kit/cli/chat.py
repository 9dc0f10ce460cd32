"""`local-llm-kit chat`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from LLM.exceptions import LLMError
from local_llm_kit.cli import conversation
from local_llm_kit.cli.answerer import (
    LOAD_FOR_ONE,
    check_model,
    check_place,
    open_answerer,
)
from local_llm_kit.cli.chat_commands import COMMANDS, obey
from local_llm_kit.cli.chat_session import Session
from local_llm_kit.cli.command import Command
from local_llm_kit.cli.conversation import Archive, Conversation
from local_llm_kit.cli.files import data_folder, private_folder
from local_llm_kit.cli.lines import Lines, open_lines, read_text
from local_llm_kit.cli.options import (
    load_options,
    model_option,
    sampling_options,
    take_sampling,
    url_options,
)
from local_llm_kit.cli.slash_commands import is_command, unescaped
from local_llm_kit.cli.terminal import note, printable

_EXAMPLES = """\b
Examples:
  local-llm-kit chat
  local-llm-kit chat --system "Be brief." --temperature 0
  printf 'Hello!\\n/tokens\\nWho are you?\\n' | local-llm-kit chat
  local-llm-kit chat --list
"""


@click.command(cls=Command, epilog=_EXAMPLES)
@model_option()
@click.option("-s", "--system", metavar="TEXT", help="What the system message says.")
@click.option("--resume", "resumed", is_flag=False, flag_value="", metavar="[NAME]",
    help="Go on with the conversation of that name, or with the newest.")  # fmt: skip
@click.option("--list", "only_list", is_flag=True, help="List the conversations that are kept.")
@click.option("--save/--no-save", "kept", default=None,
    help="Keep the conversation, and what was typed.  [default: at a terminal]")  # fmt: skip
@sampling_options
@url_options()
@load_options(*LOAD_FOR_ONE)
@click.pass_context
def chat(
    ctx: click.Context,
    /,
    model: str | None,
    system: str | None,
    resumed: str | None,
    only_list: bool,
    kept: bool | None,
    **settings: Any,
) -> None:
    """Chat with a model in the terminal.

    /help lists what can be typed beside questions. Ctrl-C stops an answer, Ctrl-D leaves. Without a
    terminal each line of standard input is a question.
    """
    archive = Archive(data_folder() / "conversations")
    if only_list:
        names = [path.stem for path in archive.newest_first()]
        click.echo("".join(f"{name}\n" for name in names), nl=False)
        if not names:
            note(f"no conversations are kept in {archive.folder}")
        return
    check_place(ctx)
    is_kept = _is_kept(kept, resumed)
    talk, path = _begun(archive, resumed, is_kept)
    talk.model, talk.system = model or talk.model, system or talk.system
    arguments = take_sampling(settings)
    session = Session(
        lambda name: open_answerer(name, settings, gives_way=True),
        lambda name: check_model(name, settings),
        talk,
        arguments,
        path,
    )
    lines = open_lines([*COMMANDS], data_folder() / "history" if is_kept else None)
    with session:
        if sys.stdin.isatty():
            note(f"{session.answerer.name} answers; /help shows the commands, Ctrl-D leaves")
        _converse(session, lines)


def _is_kept(asked: bool | None, resumed: str | None) -> bool:
    if asked is None:
        return sys.stdin.isatty() or resumed is not None
    return asked


def _begun(
    archive: Archive, resumed: str | None, is_kept: bool
) -> tuple[Conversation, Path | None]:
    """The conversation that begins or goes on, and the file where it is kept."""
    if resumed is not None:
        found = archive.resumed(resumed)
        return conversation.load(found), found if is_kept else None
    if not is_kept:
        return Conversation(), None
    private_folder(archive.folder)
    return Conversation(), archive.new_path()


def _converse(session: Session, lines: Lines) -> None:
    """Answer what is typed until it ends; what goes wrong at a terminal can be tried again."""
    while True:
        try:
            _take_turn(session, lines)
        except EOFError:
            return
        except KeyboardInterrupt:
            if not sys.stdin.isatty():
                raise
            note("(Ctrl-D leaves)")
        except LLMError as err:
            if not sys.stdin.isatty():
                raise
            click.echo(f"error: {printable(str(err))}", err=True)


def _take_turn(session: Session, lines: Lines) -> None:
    text = read_text(lines, ">>> ")
    if is_command(text):
        obey(session, text, lines)
    elif text.strip():
        session.ask(unescaped(text))
