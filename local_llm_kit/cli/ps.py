"""`local-llm-kit ps`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from LLM.exceptions import LLMAPIError
from local_llm_kit.cli.command import Command
from local_llm_kit.cli.options import json_option, url_options
from local_llm_kit.cli.remote import Server
from local_llm_kit.cli.tables import echo_json, echo_table

_EXAMPLES = """\b
Examples:
  local-llm-kit ps
  local-llm-kit ps --url http://127.0.0.1:9000 --json
"""

#: What the health of our server tells, which no other server's does.
_COUNTS = ("slots", "running", "waiting")
#: A model that is to stay for longer than this stays for ever.
_EVER_S = 10 * 365 * 86_400


@click.command(cls=Command, epilog=_EXAMPLES)
@url_options(default="http://127.0.0.1:8000")
@json_option
def ps(url: str, api_key: str | None, as_json: bool) -> None:
    """Show which models a running server has loaded, and how busy it is."""
    server = Server(url, api_key)
    try:
        counts = _counts(server)
        models = server.list_of("/api/ps", "models")
    finally:
        server.close()
    if as_json:
        echo_json({"url": server.url, **counts, "models": models})
        return
    now = datetime.now(UTC)
    echo_table(
        ("NAME", "SIZE", "ON GPU", "WINDOW", "UNTIL"), [_row(model, now) for model in models]
    )
    click.echo(
        f"{counts['running']} of {counts['slots']} slots busy, {counts['waiting']} requests waiting"
    )


def _counts(server: Server) -> dict[str, int]:
    """How busy the server is.

    :raises LLMResponseError: it is not one of ours.
    """
    try:
        health = server.get("/health")
    except LLMAPIError as err:
        if err.status_code in (None, 401, 403):
            raise
        raise server.not_ours("/health") from err
    counts = {name: health.get(name) for name in _COUNTS}
    if not all(isinstance(value, int) for value in counts.values()):
        raise server.not_ours("/health")
    return {name: value for name, value in counts.items() if isinstance(value, int)}


def _row(model: Mapping[str, Any], now: datetime) -> tuple[str, str, str, str, str]:
    from local_llm_kit.memory_plan import format_bytes

    window = _number(model.get("context_length"))
    size, on_gpu = _number(model.get("size")), _number(model.get("size_vram"))
    return (
        str(model.get("name", "")),
        format_bytes(size) if size else "",
        f"{100 * on_gpu // size} %" if size else "",
        f"{window:,}" if window else "",
        _until(model.get("expires_at"), now),
    )


def _number(value: object) -> int:
    """A count of bytes or tokens; 0 where it is not told, or none that a machine can have."""
    return value if type(value) is int and 0 < value < 1 << 63 else 0


def _until(moment: object, now: datetime) -> str:
    """How long a model stays loaded.

    :param moment: as ISO 8601 has it; anything else is not told.
    """
    try:
        seconds = (datetime.fromisoformat(str(moment)) - now).total_seconds()
    except (ValueError, TypeError):  # TypeError: without a zone it is no moment
        return ""
    if seconds > _EVER_S:
        return "forever"
    if seconds <= 0:
        return "now"
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{round(seconds / unit)} {name}"
    return f"{round(seconds)} s"
