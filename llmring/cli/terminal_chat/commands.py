"""The /commands of the chat."""

from __future__ import annotations

import itertools
import shlex
from functools import partial
from typing import TYPE_CHECKING

from LLM.exceptions import LLMConfigError
from llmring.cli.terminal_chat import tool_commands
from llmring.cli.terminal_chat.archive import Chat
from llmring.cli.terminal_chat.screen import first_line
from llmring.cli.terminal_chat.session import Session
from llmring.cli.terminal_chat.work import result
from llmring.conversations.contents import shown_text
from llmring.exceptions import SessionError
from llmring.mcp.registered import RegisteredServers
from llmring.schemas import Message
from local_llm_kit.cli.lines import Lines
from local_llm_kit.cli.slash_commands import SlashCommand, help_text
from local_llm_kit.cli.tables import table
from local_llm_kit.cli.terminal import note, printable_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmring.mcp.client.types import ResourceContents

#: How many chats /sessions shows.
_MOST_SESSIONS = 20


def _help(_session: Session, _argument: str, _lines: Lines) -> str:
    return help_text(COMMANDS)


def _clear(session: Session, _argument: str, _lines: Lines) -> str:
    before = session.chat
    session.begin(Chat())
    if session.archive is None or not before.messages:
        return "a new chat begins"
    return f"a new chat begins; /load {before.session_id} goes on with the one before"


def _history(session: Session, _argument: str, _lines: Lines) -> str:
    lines = [line for message in session.chat.messages for line in _message_lines(message)]
    return "\n".join(lines) or "nothing was said"


def _message_lines(message: Message) -> Iterator[str]:
    text = shown_text(message.content)
    if message.role == "tool":
        yield f"  ← {printable_line(first_line(text, '(nothing)'))}"
        return
    if text:
        yield f"{message.role}: {text}"
    for call in message.tool_calls or ():
        function = call.get("function") or {}
        yield printable_line(f"  → {function.get('name')}({function.get('arguments')})")


def _sessions(session: Session, _argument: str, _lines: Lines) -> str:
    if session.archive is None:
        raise SessionError("nothing is kept (--no-save)")
    rows = []
    for found in itertools.islice(session.archive.newest_first(), _MOST_SESSIONS):
        if isinstance(found, SessionError):
            note(f"left out: {found.message}")
            continue
        began = found.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        question = first_line(found.first_question)[:60]
        rows.append((found.session_id, began, str(found.n_questions), question))
    if not rows:
        return f"no chats are kept in {session.archive.folder}"
    return "\n".join(table(("ID", "BEGAN", "QUESTIONS", "THE FIRST"), rows))


def _load(session: Session, argument: str, _lines: Lines) -> str:
    if session.archive is None:
        raise SessionError("nothing is kept (--no-save)")
    if not argument:
        raise LLMConfigError("/load needs an id, or how one begins: /load ID; see /sessions")
    chat = session.archive.load(argument)
    session.begin(chat)
    n = len(chat.messages)
    return f"{n} message{'s' * (n != 1)} of chat {chat.session_id}; /history shows them"


def _model(session: Session, argument: str, _lines: Lines) -> str:
    if not argument:
        return f"{session.model} is asked; /model NAME takes another, /models lists them"
    session.take_model(argument)
    return f"{session.model} is asked from here on"


def _models(session: Session, _argument: str, _lines: Lines) -> str:
    aliases = session.ring.list_aliases(session.profile)
    rows = [(name, ", ".join(models)) for name, models in aliases.items()]
    if not rows:
        return "the profile has no aliases; /model takes provider:model"
    return "\n".join(table(("ALIAS", "MODELS"), rows))


def _connect(session: Session, argument: str, _lines: Lines) -> str:
    if argument:
        connection = session.servers.connect(RegisteredServers().find(argument))
        n = len(result(connection.tools))
        return f"connected to {connection.address.label}: {n} tool{'s' * (n != 1)}"
    labels = [connection.address.label for connection in session.servers.connections]
    return "\n".join(labels) or "no server is connected; /connect SERVER connects to one"


def _resources(session: Session, argument: str, _lines: Lines) -> str:
    if argument:
        return _attach(session, argument)
    rows = []
    for connection in session.servers.connections:
        rows += [(one.uri, one.name) for one in result(connection.resources)]
        rows += [(one.uri_template, one.name) for one in result(connection.resource_templates)]
    return "\n".join(table(("URI", "NAME"), rows)) if rows else "no server has resources"


def _attach(session: Session, uri: str) -> str:
    """Read a resource, and have it go before the next question."""
    contents: list[ResourceContents] = []
    for connection in session.servers.connections:
        listed = {one.uri for one in result(connection.resources)}
        if uri in listed or len(session.servers.connections) == 1:
            contents = result(partial(connection.read_resource, uri))
            break
    texts = [one.text for one in contents if one.text is not None]
    if not texts:
        raise LLMConfigError(f"no server has a text at {uri!r}; /resources lists what there is")
    text = "\n".join(texts)
    session.attached.append(Message(role="user", content=f"The resource {uri}:\n\n{text}"))
    return f"{len(text):,} characters go before the next question"


def _prompts(session: Session, argument: str, _lines: Lines) -> str:
    if argument:
        _ask_prompt(session, argument)
        return ""
    rows = []
    for connection in session.servers.connections:
        for prompt in result(connection.prompts):
            gaps = [gap.name if gap.required else f"[{gap.name}]" for gap in prompt.arguments]
            rows.append((" ".join([prompt.name, *gaps]), first_line(prompt.description)[:80]))
    return "\n".join(table(("PROMPT", "WHAT IT IS"), rows)) if rows else "no server has prompts"


def _ask_prompt(session: Session, argument: str) -> None:
    """Have a server's prompt answered: ``NAME GAP=VALUE …``."""
    try:
        name, *given = shlex.split(argument)
    except ValueError as err:
        raise LLMConfigError(f"{argument!r} cannot be split into words: {err}") from None
    if misfits := [word for word in given if "=" not in word]:
        raise LLMConfigError(f"{misfits[0]!r} fills no gap; write /prompts {name} GAP=VALUE")
    filled = dict(word.split("=", 1) for word in given)
    for connection in session.servers.connections:
        if name in (prompt.name for prompt in result(connection.prompts)):
            messages = result(partial(connection.get_prompt, name, filled))
            session.ask(*messages)
            return
    raise LLMConfigError(f"no server has a prompt {name!r}; /prompts lists them")


def _exit(_session: Session, _argument: str, _lines: Lines) -> str:
    raise EOFError


_TABLE: tuple[SlashCommand[Session], ...] = (
    SlashCommand("/help", "shows this", _help),
    SlashCommand("/clear", "begins a new chat; the one before stays kept", _clear),
    SlashCommand("/history", "shows what was said", _history),
    SlashCommand("/sessions", f"lists the last {_MOST_SESSIONS} chats", _sessions),
    SlashCommand("/load ID", "goes on with a chat; how its id begins will do", _load),
    SlashCommand("/model [NAME]", "says who is asked, or asks another model or alias", _model),
    SlashCommand("/models", "lists the lockfile's aliases and their models", _models),
    SlashCommand("/connect [SERVER]", "lists the MCP servers, or connects to another", _connect),
    SlashCommand("/tools [NAME]", "lists the tools, or says what one does", tool_commands.tools),
    SlashCommand("/call TOOL NAME=VALUE", "calls a tool by hand", tool_commands.call),
    SlashCommand(
        "/resources [URI]", "lists resources, or puts one before the next question", _resources
    ),
    SlashCommand("/prompts [NAME GAP=VALUE]", "lists prompts, or has one answered", _prompts),
    SlashCommand("/exit", "leaves", _exit),
)
#: By name, in the order of help.
COMMANDS = {command.usage.partition(" ")[0]: command for command in _TABLE}
