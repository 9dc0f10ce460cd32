"""How a server writes its logs: lines for people, or a line of JSON for each record."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

from LLM.exceptions import LLMConfigError
from LLM.logs import configure_logging

LogFormat = Literal["text", "json"]


def check_log_format(log_format: Any) -> None:
    """:raises LLMConfigError: there is no such format."""
    if log_format not in ("text", "json"):
        raise LLMConfigError(f"log_format is {log_format!r}; give 'text' or 'json'")


def begin_json_logs(server: logging.Logger, requests: logging.Logger | None) -> None:
    """Write all logs of our packages to standard error as JSON, keys masked.

    :param server: tells also what is no warning: when it listens.
    :param requests: tells of each request; None where nobody wants to know.
    """
    configure_logging("WARNING", json=True)
    for logger in filter(None, (server, requests)):
        logger.setLevel(logging.INFO)


def say(text: str, log_format: LogFormat, server: logging.Logger) -> None:
    """Tell whoever started the server something."""
    if log_format == "json":
        server.info("%s", text)
        return
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
