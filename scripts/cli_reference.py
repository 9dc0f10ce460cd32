"""docs/cli-reference.md, written from the commands: what `scripts/make-cli-reference` runs.

`--check` writes nothing, and says whether the page is what the commands say; a test does the same.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import environment

if TYPE_CHECKING:
    import click

PAGE = environment.ROOT / "docs" / "cli-reference.md"

_HEAD = """\
# Commands and options

All commands with all their options, as `--help` tells them. Examples with their answers are in
[cli.md](cli.md) for `local-llm-kit`, [llmring_cli.md](llmring_cli.md) for `llmring` and
`mcp-client`, and [llm_kit_cli.md](llm_kit_cli.md) for `llm-kit`.

Answers go to standard output, messages to standard error. Commands end with 0 (done), 1 (failed),
2 (wrong usage) or 130 (interrupted). `--help` is an option of each. `scripts/make-cli-reference`
writes this page.
"""


def main() -> int:
    """Write the page, or check it.

    :return: the exit code: 0 done, 1 `--check` found another text, or a set-up that failed.
    """
    check = _parse()
    try:
        environment.enter(environment.prepare("test"), __file__, sys.argv[1:])
    except environment.SetupError as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    text = page()
    if not check:
        PAGE.write_text(text, "utf-8")
    elif text != PAGE.read_text("utf-8"):
        print("docs/cli-reference.md is old; run scripts/make-cli-reference", file=sys.stderr)
        return 1
    return 0


def page() -> str:
    """The text of the page."""
    return "\n".join([_HEAD, *(line for name, root in programs() for line in _command(root, name))])


def programs() -> list[tuple[str, click.Command]]:
    """Our programs and the commands they run, as the entry points of setup.cfg name them."""
    from llm_kit.cli import cli as llm_kit
    from llmring.cli import cli as llmring
    from llmring.cli.terminal_chat.mcp_chat import mcp_chat
    from local_llm_kit.cli import cli as local_llm_kit

    return [
        ("llm-kit", llm_kit),
        ("llmring", llmring),
        ("local-llm-kit", local_llm_kit),
        ("mcp-client", mcp_chat),
    ]


def _command(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[str]:
    import click

    ctx = click.Context(command, parent, info_name=name)
    level = 2 if parent is None else 3
    yield from [f"{'#' * level} `{ctx.command_path}`", ""]
    yield from [_prose(command.help or ""), ""]
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    yield from ["```text", usage, "```", ""]
    for heading, rows in _options(command, ctx).items():
        yield from [f"| {heading} | |", "|---|---|"]
        yield from [f"| `{flags}` | {said} |" for flags, said in rows]
        yield ""
    if isinstance(command, click.Group):
        for one in command.list_commands(ctx):
            child = command.get_command(ctx, one)
            assert child is not None  # it was listed
            yield from _command(child, one, ctx)


def _options(command: click.Command, ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
    """The options by their headings in help, but `--help`; those without one come first."""
    import click

    by_heading: dict[str, list[tuple[str, str]]] = {}
    found = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    for option in sorted(found, key=lambda one: getattr(one, "section", "Options") != "Options"):
        record = option.get_help_record(ctx)
        assert record is not None  # it is not hidden
        heading = getattr(option, "section", "Options")
        by_heading.setdefault(heading, []).append((_cell(record[0]), _escaped(_cell(record[1]))))
    return by_heading


def _prose(text: str) -> str:
    """Help's text as paragraphs; what it keeps from being filled stands as it is."""
    paragraphs = re.split(r"\n\s*\n", text.replace("\f", "").strip())
    return "\n\n".join(_escaped(" ".join(one.replace("\b", "").split())) for one in paragraphs)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _escaped(text: str) -> str:
    """`text` with nothing in it that Markdown would take for HTML."""
    return text.replace("<", r"\<")


def _parse() -> bool:
    parser = argparse.ArgumentParser(
        prog="scripts/make-cli-reference", description="Write docs/cli-reference.md."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if it is old")
    return bool(parser.parse_args().check)


if __name__ == "__main__":
    sys.exit(main())
