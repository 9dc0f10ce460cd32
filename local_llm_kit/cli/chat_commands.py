"""The /commands of the chat."""

from __future__ import annotations

from pathlib import Path

import click

from LLM.exceptions import LLMConfigError
from local_llm_kit.cli import conversation, files
from local_llm_kit.cli.chat_session import Session
from local_llm_kit.cli.lines import FENCE, Lines, read_block
from local_llm_kit.cli.options import SAMPLING, sampling_value
from local_llm_kit.cli.prompt import image_url
from local_llm_kit.cli.slash_commands import SlashCommand, help_text, run_command
from local_llm_kit.cli.terminal import printable


def _help(_session: Session, _argument: str, _lines: Lines) -> str:
    return help_text(COMMANDS)


def _system(session: Session, argument: str, _lines: Lines) -> str:
    if argument:
        session.talk.system = None if argument == "none" else argument
    return f"system message: {session.talk.system or 'none'}"


def _model(session: Session, argument: str, _lines: Lines) -> str:
    if not argument:
        others = [name for name in session.answerer.models() if name != session.answerer.name]
        if not others:
            return f"{session.answerer.name} answers; /model NAME or PATH takes another"
        return "\n".join([f"{session.answerer.name} answers; /model NAME takes another:", *others])
    session.switch(argument)
    return f"{session.answerer.name} answers from here on"


def _set(session: Session, argument: str, _lines: Lines) -> str:
    name, _, text = argument.partition(" ")
    if not name:
        return "\n".join(f"{name} {_shown(session, name)}" for name in SAMPLING)
    name, text = name.replace("-", "_"), text.strip()
    if text == "default" and name in SAMPLING:
        session.arguments.pop(name, None)
    elif text:
        session.arguments[name] = sampling_value(name, text)
    elif name not in SAMPLING:
        sampling_value(name, "")  # says what there is
    return f"{name} {_shown(session, name)}"


def _shown(session: Session, name: str) -> str:
    return repr(session.arguments[name]) if name in session.arguments else "default"


def _reset(session: Session, _argument: str, _lines: Lines) -> str:
    session.reset()
    return "forgotten; the system message stays"


def _undo(session: Session, _argument: str, _lines: Lines) -> str:
    return "the last question is taken back" if session.undo() else "nothing was said"


def _retry(session: Session, _argument: str, _lines: Lines) -> str:
    return "" if session.retry() else "nothing was asked"


def _save(session: Session, argument: str, _lines: Lines) -> str:
    path = _path("/save", argument)
    conversation.save(session.talk, path)
    return f"saved to {path}; /load {path} brings it back"


def _load(session: Session, argument: str, _lines: Lines) -> str:
    talk = conversation.load(_path("/load", argument))
    session.begin(talk)
    return f"{len(talk.turns)} messages loaded"


def _export(session: Session, argument: str, _lines: Lines) -> str:
    path = _path("/export", argument)
    files.write_text(path, session.talk.to_markdown())
    return f"written to {path}"


def _path(command: str, argument: str) -> Path:
    if not argument:
        raise LLMConfigError(f"{command} needs a file: {command} FILE")
    return Path(argument).expanduser()


def _image(session: Session, argument: str, _lines: Lines) -> str:
    url = image_url(_path("/image", argument))
    if session.answerer.reads_images is False:
        raise LLMConfigError(f"{session.answerer.name} reads no images; /model takes another model")
    session.images.append(url)
    n = len(session.images)
    return f"{n} image{'s' * (n > 1)} with the next question"


def _tokens(session: Session, _argument: str, _lines: Lines) -> str:
    answerer, messages = session.answerer, session.talk.messages()
    n_tokens = answerer.count_tokens(messages) if messages else 0
    if n_tokens is None:
        n_tokens = session.n_tokens
    if n_tokens is None:
        return "no answer yet has told its tokens"
    window = answerer.context_length
    if window is None:
        return f"{n_tokens:,} tokens"
    return f"{n_tokens:,} of {window:,} tokens ({100 * n_tokens // window} %)"


def _multi(session: Session, argument: str, lines: Lines) -> str:
    session.ask(read_block(lines, argument))
    return ""


def _exit(_session: Session, _argument: str, _lines: Lines) -> str:
    raise EOFError


#: By name, in the order of help.
COMMANDS: dict[str, SlashCommand[Session]] = {
    "/help": SlashCommand("/help", "shows this", _help),
    "/system": SlashCommand("/system [TEXT|none]", "shows or sets the system message", _system),
    "/model": SlashCommand("/model [NAME]", "shows the models, or takes another", _model),
    "/set": SlashCommand(
        "/set [NAME [VALUE|default]]", "shows or sets temperature, max_tokens, …", _set
    ),
    "/reset": SlashCommand("/reset", "forgets what was said", _reset),
    "/undo": SlashCommand("/undo", "takes the last question and answer back", _undo),
    "/retry": SlashCommand("/retry", "answers the last question anew", _retry),
    "/image": SlashCommand("/image FILE", "sends an image with the next question", _image),
    "/save": SlashCommand("/save FILE", "writes the conversation", _save),
    "/load": SlashCommand("/load FILE", "goes on with one that was saved", _load),
    "/export": SlashCommand("/export FILE.md", "writes the conversation as Markdown", _export),
    "/tokens": SlashCommand("/tokens", "shows how much of the window is used", _tokens),
    "/multi": SlashCommand("/multi", f"begins a text that ends with {FENCE}", _multi),
    "/exit": SlashCommand("/exit", "leaves", _exit),
}


def obey(session: Session, line: str, lines: Lines) -> None:
    """Do what a line that begins with a slash says.

    :param lines: where a text of several lines comes from.
    :raises EOFError: it says to leave.
    :raises LLMError: it cannot be done.
    """
    try:
        shown = run_command(COMMANDS, session, line, lines)
    except click.BadParameter as err:
        raise LLMConfigError(err.message) from None
    if shown:
        # A server's names may be in it.
        click.echo(printable(shown), err=True)
