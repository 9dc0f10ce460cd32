"""`local-llm-kit completion`: what a shell needs to complete our commands and models' names.

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

#: The variable by which a shell asks for completions, as click names it.
VARIABLE = "_LOCAL_LLM_KIT_COMPLETE"
_PROGRAM = "local-llm-kit"

_EXAMPLES = """\b
Examples:
  local-llm-kit completion bash
  local-llm-kit completion zsh
  local-llm-kit completion fish
"""

#: How each shell is told, once and for all.
_INSTALL = {
    "bash": 'add to ~/.bashrc:  eval "$(local-llm-kit completion bash)"',
    "zsh": 'add to ~/.zshrc, behind compinit:  eval "$(local-llm-kit completion zsh)"',
    "fish": "run once:  local-llm-kit completion fish"
    " > ~/.config/fish/completions/local-llm-kit.fish",
}


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


@click.command(cls=Command, epilog=_EXAMPLES)
@click.argument("shell", type=click.Choice(tuple(_INSTALL)))
@click.pass_context
def completion(ctx: click.Context, /, shell: str) -> None:
    """Print the script that completes commands, options and models' names in a shell."""
    register()
    found = get_completion_class(shell)
    assert found is not None  # the choice offers none but click's
    script = found(ctx.find_root().command, {}, _PROGRAM, VARIABLE).source()
    # Behind the script: zsh wants its own line first.
    click.echo(f"{script.strip()}\n\n# To have it in every shell, {_INSTALL[shell]}")
