"""`completion`: what a shell needs to complete a program's commands and the names of models.

click does the work. For bash one thing is added: it takes a colon for the end of a word, and names
of models have colons.
"""

from __future__ import annotations

import os
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from local_llm_kit.cli.command import Command
from local_llm_kit.cli.lazy_group import complete_variable

_SHELLS = ("bash", "zsh", "fish")


class ColonBashComplete(BashComplete):
    """Completion for bash whose words may hold colons."""

    _cut = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is completed, and what there is of that."""
        lines = os.environ["COMP_WORDS"].split("\n")  # as the script puts them together
        words = [" ".join(split_arg_string(line)) for line in lines]  # without their quotes
        words = words[: int(os.environ["COMP_CWORD"]) + 1]
        joined = _joined(words)
        incomplete = joined[-1] if len(joined) > 1 else ""
        if words[-1] != incomplete:  # bash replaces only what stands behind the last colon
            self._cut = incomplete[: incomplete.rfind(":") + 1]
        # It parts "--model=name" too, which click would take for three words.
        return [word for word in joined[1:-1] if word != "="], incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """An item as the script reads it."""
        return f"{item.type},{str(item.value).removeprefix(self._cut)}"


def _joined(words: list[str]) -> list[str]:
    """Words that bash has parted at colons, put together again."""
    joined: list[str] = []
    for i, word in enumerate(words):
        if joined and (word == ":" or (i and words[i - 1] == ":")):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def register() -> None:
    """Let click answer bash by `ColonBashComplete`."""
    add_completion_class(ColonBashComplete)


def completion_command(program: str) -> click.Command:
    """The command that prints the script for a shell.

    :param program: whose command it is.
    """
    examples = "".join(f"  {program} completion {shell}\n" for shell in _SHELLS)

    @click.command("completion", cls=Command, epilog=f"\b\nExamples:\n{examples}")
    @click.argument("shell", type=click.Choice(_SHELLS))
    @click.pass_context
    def completion(ctx: click.Context, /, shell: str) -> None:
        """Print the script that completes commands, options and names in a shell."""
        register()
        found = get_completion_class(shell)
        assert found is not None  # the choice offers none but click's
        command, variable = ctx.find_root().command, complete_variable(program)
        # Behind the script: zsh wants its own line first.
        click.echo(found(command, {}, program, variable).source().strip())
        click.echo(f"\n# To have it in every shell, {_install(program, shell)}")

    return completion


def _install(program: str, shell: str) -> str:
    """How a shell is told, once and for all."""
    script = f"{program} completion {shell}"
    if shell == "fish":
        return f"run once:  {script} > ~/.config/fish/completions/{program}.fish"
    behind = ", behind compinit" if shell == "zsh" else ""
    return f'add to ~/.{shell}rc{behind}:  eval "$({script})"'


completion = completion_command("local-llm-kit")
