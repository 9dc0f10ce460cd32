"""What of llmring's log a command shows."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import click

from local_llm_kit.cli.terminal import printable_line


class _Echo(logging.Handler):
    """Writes a record as a line on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"{record.levelname.lower()}: {printable_line(record.getMessage())}", err=True)


@contextlib.contextmanager
def shown_warnings() -> Iterator[None]:
    """Show what the registry and the usage log warn of; tries are told with the outcome.

    The SDK of MCP logs what a server sends that is no message, with a traceback. A line will do.
    """
    handlers = {
        "llmring": logging.NullHandler(),
        "llmring.registry": _Echo(logging.WARNING),
        "llmring.usage": _Echo(logging.WARNING),
        "mcp": _Echo(logging.WARNING),
        "client": _Echo(logging.WARNING),  # the SDK's, too
    }
    for name, handler in handlers.items():
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name, handler in handlers.items():
            logging.getLogger(name).removeHandler(handler)
