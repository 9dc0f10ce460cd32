"""What `llmring mcp chat` and `llmring lock chat` share: their options, and how a chat begins."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from llmring.cli.names import complete_alias_or_model
from llmring.cli.options import profile_option
from local_llm_kit.cli.terminal import note

if TYPE_CHECKING:
    from llmring.cli.terminal_chat.session import Part, Session
    from llmring.mcp.client.addresses import ServerAddress
    from llmring.mcp.client.events import ToolUse
    from llmring.service import LLMRing

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Opening:
    """How a chat begins.

    :param model: an alias or a model that can be asked.
    :param profile: the lockfile's; None for the one in use.
    :param part: what whoever is asked is given.
    :param folder: name of the folder, in the user's data folder, where its chats are kept.
    :param is_kept: whether the chat, and what is typed, are kept.
    :param all_allowed: tools run without a question.
    :param part_of: what a model or alias is given, where that differs; None for `part` to all.
    :param is_asked: whether a call is asked about; None asks about all.
    :param servers: MCP servers to connect to.
    :param may_lack_servers: one that cannot be reached is told of, and left out.
    """

    model: str
    profile: str | None
    part: Part
    folder: str
    is_kept: bool
    all_allowed: bool
    part_of: Callable[[str], Part] | None = None
    is_asked: Callable[[ToolUse], bool] | None = None
    servers: Sequence[ServerAddress] = ()
    may_lack_servers: bool = False


def chat_options(function: FunctionT) -> FunctionT:
    """``--model``, ``--profile``, ``--yes`` and ``--save``, as `model`, `profile`, …."""
    options = [
        click.option(
            "-m",
            "--model",
            metavar="ALIAS|MODEL",
            shell_complete=complete_alias_or_model,
            help="An alias of the lockfile, or provider:model.",
        ),
        profile_option,
        click.option(
            "-y", "--yes", "all_allowed", is_flag=True, help="Run tools without asking first."
        ),
        click.option(
            "--save/--no-save",
            "is_kept",
            default=True,
            help="Keep the chat, and at a terminal what is typed.  [default: --save]",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def chat(ring: LLMRing, opening: Opening) -> None:
    """A chat on standard input and output, until it ends. It closes the ring.

    :raises LLMError: it cannot begin; or, without a terminal, something went wrong.
    """
    from llmring.cli.terminal_chat.approvals import Approvals, all_are_asked
    from llmring.cli.terminal_chat.archive import Archive
    from llmring.cli.terminal_chat.asking import ask
    from llmring.cli.terminal_chat.commands import COMMANDS
    from llmring.cli.terminal_chat.loop import converse
    from llmring.cli.terminal_chat.session import Session
    from local_llm_kit.cli.lines import open_lines

    kept = _folder(opening.folder)
    approvals = Approvals(
        ask, all_allowed=opening.all_allowed, is_asked=opening.is_asked or all_are_asked
    )
    session = Session(
        ring,
        opening.model,
        opening.profile,
        approvals,
        part=opening.part,
        part_of=opening.part_of,
        archive=Archive(kept) if opening.is_kept else None,
    )
    with session:
        session.take_model(opening.model)
        for server in opening.servers:
            _connect(session, server, is_needed=not opening.may_lack_servers)
        history = kept.parent / "chat_history" if opening.is_kept else None
        lines = open_lines([*COMMANDS], history)
        if sys.stdin.isatty():
            _greet(session)
        converse(session, lines)


def _connect(session: Session, server: ServerAddress, *, is_needed: bool) -> None:
    from llmring.exceptions import MCPError

    try:
        connection = session.servers.connect(server)
    except MCPError as err:
        if is_needed:
            raise
        note(f"{err.message}; the chat begins without it")
    else:
        note(f"(connected to {connection.address.label})")


def _folder(name: str) -> Path:
    from llmring.conversations.addresses import data_folder

    return data_folder() / name


def _greet(session: Session) -> None:
    n = len(session.tools())
    note(
        f"{session.model} is asked, with {n} tool{'s' * (n != 1)}; /help shows the commands, "
        "Ctrl-D leaves"
    )
