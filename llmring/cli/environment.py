"""Variables of the file ``.env``: that of the working folder, or of the nearest one above."""

from __future__ import annotations

import logging
from pathlib import Path

import click


def load_env() -> None:
    """Set the variables of ``.env`` that are not set; one that cannot be read is warned of.

    No value of it is ever shown.
    """
    # Imported here, for help does without.
    from dotenv import find_dotenv, load_dotenv

    try:
        path = find_dotenv(usecwd=True)
    except OSError:  # the working folder was deleted
        return
    if not path:
        return
    told = _Told()
    # dotenv tells of broken lines in its log alone.
    logger = logging.getLogger("dotenv.main")
    logger.addHandler(told)
    try:
        load_dotenv(path, override=False, encoding="utf-8-sig")
    except UnicodeDecodeError:
        _warn(path, "is not UTF-8 text, and is left out")
    except OSError as err:
        _warn(path, f"cannot be read ({err.strerror or type(err).__name__}), and is left out")
    except ValueError:  # the system takes no NUL
        _warn(path, "has a value that no variable can have; the lines from there on are left out")
    finally:
        logger.removeHandler(told)
    for line in told.lines:
        _warn(path, f"has no NAME=VALUE in the statement at line {line}; it is left out")


class _Told(logging.Handler):
    """Notes the lines that dotenv warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [one for one in record.args or () if isinstance(one, int)]


def _warn(path: str, problem: str) -> None:
    click.echo(f"warning: {str(Path(path))!r} {problem}", err=True)
