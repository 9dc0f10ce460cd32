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


def begin_logs(
    log_format: LogFormat, server: logging.Logger, requests: logging.Logger | None
) -> None:
    """Write logs to standard error.

    As JSON those of all our packages are, keys masked. As text that of requests is, unless the
    program has sent it somewhere itself.

    :param server: tells also what is no warning: when it listens.
    :param requests: tells of each request; None where nobody wants to know.
    """
    if log_format == "json":
        configure_logging("WARNING", json=True)
        for logger in filter(None, (server, requests)):
            logger.setLevel(logging.INFO)
    elif requests is not None and not _is_heard(requests):
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        requests.addHandler(handler)
        requests.setLevel(logging.INFO)


def _is_heard(logger: logging.Logger | None) -> bool:
    """Whether what a logger is told goes anywhere."""
    while logger is not None:
        if not all(isinstance(one, logging.NullHandler) for one in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def say(text: str, log_format: LogFormat, server: logging.Logger) -> None:
    """Tell whoever started the server something."""
    if log_format == "json":
        server.info("%s", text)
        return
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
