"""Logs for machines and for people, with the keys taken out.

Our packages write to the loggers ``LLM``, ``cloud``, ``llmring``, ``local_llm_kit`` and
``llm_kit`` of the standard library, silently until somebody listens. `configure_logging` is the
short way to listen; a program with a configuration of its own gives its handlers a `JSONFormatter`.
"""

from __future__ import annotations

import json as json_module
import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

from LLM.exceptions import LLMConfigError
from LLM.printable import printable
from LLM.redaction import live_keys, redacted, redacted_value

#: The loggers of our packages; all others are below one of them.
LOGGERS = ("LLM", "cloud", "llm_kit", "llmring", "local_llm_kit")

#: What every record has; the rest was given as ``extra``.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"asctime", "message", "taskName"}
_configuring = threading.Lock()


class JSONFormatter(logging.Formatter):
    """One line of JSON for each record.

    Fields: ``time`` (ISO 8601, UTC), ``level``, ``logger``, ``message``; what the record was given
    as ``extra``, such as ``provider``, ``model``, ``prompt_tokens`` or ``request_id``; ``error``
    with ``type``, ``message`` and ``traceback`` where there is an exception. Keys are masked in all
    of it, and no record is too odd to be written.
    """

    def __init__(self) -> None:
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        keys = live_keys()
        facts: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(_message(record), keys),
        }
        for name, value in vars(record).items():
            if name not in _USUAL and name not in facts:
                # By its name, so that a field for a key is masked whatever it holds.
                facts.update(redacted_value({name: value}, keys))
        if record.exc_info and record.exc_info[1] is not None:
            facts["error"] = _error(record, keys)
        if record.stack_info:
            facts["stack"] = redacted(record.stack_info, keys)
        # With escapes for all but ASCII: no character of it steers a terminal.
        return json_module.dumps(facts)


class TextFormatter(logging.Formatter):
    """One line of text for each record, and a traceback below it; keys are masked."""

    def __init__(self) -> None:
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """The record's text."""
        keys = live_keys()
        line = f"{_time(record)} {record.levelname} {record.name}: {_message(record)}"
        lines = [printable(redacted(line, keys))]
        if record.exc_info and record.exc_info[1] is not None:
            lines += map(printable, redacted(_traceback(record), keys).splitlines())
        if record.stack_info:
            lines += map(printable, redacted(record.stack_info, keys).splitlines())
        return "\n".join(lines)


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, to be found again. Standard error is looked up for each record, as it may change.

    :param target: None for standard error.
    """

    def __init__(self, target: TextIO | None) -> None:
        self._target = target
        super().__init__(target)

    @property
    def stream(self) -> TextIO:
        """Where the records go."""
        return self._target or sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """The base class sets what it was given."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Leave out what cannot be written: Python would print the record, keys and all."""


def configure_logging(
    level: int | str = "INFO", *, json: bool = False, stream: TextIO | None = None
) -> None:
    """Have the logs of all our packages written, with keys masked. Called again, it replaces.

    Records then go there alone, and no longer to the handlers of the root logger.

    :param level: the lowest level that is written: a name such as ``DEBUG``, or its number.
    :param json: one line of JSON for each record, see `JSONFormatter`; text otherwise.
    :param stream: where they go; None for standard error.
    :raises LLMConfigError: `level` is no level, or nothing can be written to `stream`.
    """
    number = _checked_level(level)
    if stream is not None and not callable(getattr(stream, "write", None)):
        raise LLMConfigError(f"stream is a {type(stream).__name__}; give an open text file")
    handler = _Handler(stream)
    handler.setFormatter(JSONFormatter() if json else TextFormatter())
    with _configuring:
        for name in LOGGERS:
            logger = logging.getLogger(name)
            _remove_ours(logger)
            logger.addHandler(handler)
            logger.setLevel(number)
            logger.propagate = False


def reset_logging() -> None:
    """Undo `configure_logging`; nothing happens where it was not called."""
    with _configuring:
        for name in LOGGERS:
            logger = logging.getLogger(name)
            if _remove_ours(logger):
                logger.setLevel(logging.NOTSET)
                logger.propagate = True


def _remove_ours(logger: logging.Logger) -> bool:
    ours = [one for one in logger.handlers if isinstance(one, _Handler)]
    for one in ours:
        logger.removeHandler(one)
    return bool(ours)


def _checked_level(level: Any) -> int:
    names = logging.getLevelNamesMapping()
    number = names.get(level.strip().upper()) if isinstance(level, str) else level
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        known = ", ".join(name for name in names if name != "NOTSET")
        raise LLMConfigError(f"level is {level!r}; give one of {known}, or its number")
    return number


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as err:  # noqa: BLE001  # arguments of anybody's, with any `__str__`
        return f"{record.msg!s} (its arguments do not fit: {type(err).__name__})"


def _traceback(record: logging.LogRecord) -> str:
    assert record.exc_info is not None, "asked for an error's"
    try:
        return "".join(traceback.format_exception(*record.exc_info))
    except Exception as err:  # noqa: BLE001  # an error of anybody's, with any `__str__`
        return f"(the traceback cannot be written: {type(err).__name__})"


def _error(record: logging.LogRecord, keys: tuple[str, ...]) -> dict[str, str]:
    assert record.exc_info is not None, "asked for an error's"
    error = record.exc_info[1]
    try:
        message = str(error)
    except Exception as err:  # noqa: BLE001  # as above
        message = f"(its text cannot be written: {type(err).__name__})"
    return {
        "type": type(error).__name__,
        "message": redacted(message, keys),
        "traceback": redacted(_traceback(record), keys),
    }
