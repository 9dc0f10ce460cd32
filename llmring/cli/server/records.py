"""`llmring server stats`, `logs` and `conversations`, and `llmring stats`."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import click

from llmring.cli.command import RingCommand
from llmring.cli.server.asking import filter_options, server_options, usage_filter, with_store
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json, echo_table
from local_llm_kit.cli.terminal import note, printable

# Here again, since the records' own module takes pydantic, which `--help` does without.
_GROUPS = ("day", "model", "provider", "origin", "alias", "profile")
_TOLD = ("day", "model", "origin", "alias")
_LOG_COLUMNS = (
    "timestamp", "provider", "model", "alias", "profile", "origin", "input_tokens",
    "output_tokens", "cached_input_tokens", "cost", "id", "id_at_origin", "conversation_id",
)  # fmt: skip


@click.command(
    cls=RingCommand,
    epilog="\b\nExamples:\n  llmring stats\n  llmring stats --json\n  llmring stats --by model",
)
@click.option("--by", "group", type=click.Choice(_GROUPS), default="day", show_default=True)
@filter_options
@click.option("-v", "--verbose", is_flag=True, help="Tell it by day, model, origin and alias.")
@json_option
def stats(group: str, verbose: bool, as_json: bool, **which: Any) -> None:
    """Show what calls took: how many, tokens, dollars.

    They are those of the server that LLMRING_SERVER_URL names, else those noted on this machine.
    """
    _show_stats(None, None, group, verbose, as_json, which, or_local=True)


@click.command(
    cls=RingCommand,
    epilog="\b\nExamples:\n  llmring server stats\n  llmring server stats --json\n"
    "  llmring server stats --by model",
)
@server_options
@click.option(
    "--by", "--group-by", "group", type=click.Choice(_GROUPS), default="day", show_default=True
)
@filter_options
@click.option("-v", "--verbose", is_flag=True, help="Tell it by day, model, origin and alias.")
@json_option
def server_stats(
    server_url: str | None,
    api_key: str | None,
    group: str,
    verbose: bool,
    as_json: bool,
    **which: Any,
) -> None:
    """Show what calls took: how many, tokens, dollars."""
    _show_stats(server_url, api_key, group, verbose, as_json, which)


def _show_stats(
    server_url: str | None,
    api_key: str | None,
    group: Any,
    verbose: bool,
    as_json: bool,
    which: dict[str, Any],
    *,
    or_local: bool = False,
) -> None:
    meant = usage_filter(which)
    groups = _TOLD if as_json or verbose else (group,)

    async def read(store: Any) -> Any:
        totals = await store.usage_totals(meant)
        return totals, {one: await store.usage_by(one, meant) for one in groups}

    totals, told = with_store(read, server_url, api_key, or_local=or_local)
    if as_json:
        parts = {f"by_{name}": [one.model_dump() for one in rows] for name, rows in told.items()}
        echo_json({"summary": totals.model_dump(), **parts})
        return
    for name, rows in told.items():
        cells = [_totals_row(one.key or "-", one) for one in rows]
        headings = (name.upper(), "CALLS", "INPUT", "OUTPUT", "CACHED", "DOLLARS")
        echo_table(headings, [*cells, _totals_row("all", totals)])
    if totals.unpriced:
        note(f"(the cost of {totals.unpriced} calls is not known)")


def _totals_row(key: str, one: Any) -> tuple[str, ...]:
    counts = (one.calls, one.input_tokens, one.output_tokens, one.cached_input_tokens)
    return (key, *(f"{count:,}" for count in counts), f"{one.cost:.6f}")


@click.command(
    cls=RingCommand,
    epilog="\b\nExamples:\n  llmring server logs --limit 20\n"
    "  llmring server logs --limit 20 --output json\n"
    "  llmring server logs --output csv --output-file calls.csv",
)
@server_options
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, metavar="N")
@click.option("--offset", type=click.IntRange(0), default=0, show_default=True, metavar="N")
@filter_options
@click.option(
    "--output", "form", type=click.Choice(["table", "json", "csv"]), default="table",
    show_default=True,
)  # fmt: skip
@click.option(
    "--output-file", type=click.Path(dir_okay=False, path_type=Path), help="Write it there."
)
@click.option("--json", "as_json", is_flag=True, help="The same as --output json.")
def logs(
    server_url: str | None,
    api_key: str | None,
    limit: int,
    offset: int,
    form: str,
    output_file: Path | None,
    as_json: bool,
    **which: Any,
) -> None:
    """List calls, the newest first."""
    meant = usage_filter(which)
    found = with_store(lambda store: store.usage(meant, limit, offset), server_url, api_key)
    rows = [one.model_dump(mode="json") for one in found]
    form = "json" if as_json else form
    if form == "csv":
        _emit(_as_csv(rows), output_file)
    elif output_file is not None:
        import json

        _emit(json.dumps(rows, indent=2) + "\n", output_file)
    elif form == "json":
        echo_json(rows)
    else:
        echo_table(
            ("TIME", "MODEL", "ALIAS", "ORIGIN", "INPUT", "OUTPUT", "DOLLARS"),
            [_log_row(row) for row in rows],
        )


def _log_row(row: dict[str, Any]) -> tuple[str, ...]:
    cost = "" if row["cost"] is None else f"{row['cost']:.6f}"
    moment = row["timestamp"][:19].replace("T", " ")
    model = f"{row['provider']}:{row['model']}"
    tokens = (f"{row['input_tokens']:,}", f"{row['output_tokens']:,}")
    return (moment, model, row["alias"] or "", row["origin"], *tokens, cost)


def _as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    text.write(",".join(_LOG_COLUMNS) + "\n")
    # Texts are quoted: Python before 3.13 leaves a lone CR bare, which begins a line for others.
    writer = csv.DictWriter(
        text,
        _LOG_COLUMNS,
        extrasaction="ignore",
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC,
    )
    # A spreadsheet would run what begins like a formula, and names come from others.
    writer.writerows(
        {name: f"'{cell}" if str(cell).startswith(tuple("=+-@\t\r\n")) else cell
         for name, cell in row.items()}
        for row in rows
    )  # fmt: skip
    return text.getvalue()


def _emit(text: str, path: Path | None) -> None:
    from llmring.exceptions import ConfigurationError

    if path is None:
        click.echo(printable(text), nl=False)
        return
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as err:
        raise ConfigurationError(
            f"{str(path)!r} cannot be written: {err.strerror or err}", original=err
        ) from err
    note(f"(wrote {path})")


@click.command(
    cls=RingCommand,
    epilog="\b\nExamples:\n  llmring server conversations\n"
    "  llmring server conversations --limit 5 --json",
)
@server_options
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, metavar="N")
@click.option("--offset", type=click.IntRange(0), default=0, show_default=True, metavar="N")
@click.option("--conversation-id", metavar="ID", help="Show this one alone.")
@click.option("--messages", "with_messages", is_flag=True, help="Show what was said in it, too.")
@json_option
@click.pass_context
def conversations(
    ctx: click.Context,
    /,
    server_url: str | None,
    api_key: str | None,
    limit: int,
    offset: int,
    conversation_id: str | None,
    with_messages: bool,
    as_json: bool,
) -> None:
    """List conversations, the last changed first, or show one."""
    if conversation_id is not None:
        _show_conversation(server_url, api_key, conversation_id, with_messages, as_json)
        return
    if with_messages:
        raise click.UsageError("--messages is for one conversation; give --conversation-id", ctx)
    found = with_store(lambda store: store.list_conversations(limit, offset), server_url, api_key)
    if as_json:
        echo_json([one.model_dump(mode="json") for one in found])
        return
    rows = [
        (str(one.id), f"{one.updated_at.astimezone():%Y-%m-%d %H:%M}", str(one.message_count),
         f"{one.cost:.6f}", one.title or "")
        for one in found
    ]  # fmt: skip
    echo_table(("ID", "CHANGED", "MESSAGES", "DOLLARS", "TITLE"), rows)


def _show_conversation(
    server_url: str | None, api_key: str | None, key: str, with_messages: bool, as_json: bool
) -> None:
    from llmring.conversations.export import as_dict, to_markdown

    async def read(store: Any) -> Any:
        found = await store.get_conversation(key)
        return found, await store.messages(key) if with_messages else []

    conversation, messages = with_store(read, server_url, api_key)
    if as_json:
        told = as_dict(conversation, messages)
        if not with_messages:
            del told["messages"]
        echo_json(told)
    else:
        click.echo(printable(to_markdown(conversation, messages)))
