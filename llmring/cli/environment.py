"""Variables of the file ``.env``: that of the working folder, or of the nearest one above."""

from __future__ import annotations

import logging
from collections.abc import Callable

import click


def _warn(problem: str) -> None:
    click.echo(f"warning: {problem}", err=True)


def load_env(warn: Callable[[str], None] = _warn) -> None:
    """Set the variables of ``.env`` that are not set.

    :param warn: is told what cannot be read; never a value.
    """
    # Imported here, for help does without.
    from dotenv import find_dotenv

    try:
        path = find_dotenv(usecwd=True)
    except OSError:  # the working folder was deleted
        return
    if not path:
        return
    for problem in _load(path):
        warn(f"{path!r} {problem}")


def _load(path: str) -> list[str]:
    """Set the variables of a file. :return: what of it cannot be read."""
    from dotenv import load_dotenv

    told = _Told()
    # dotenv tells of broken lines in its log alone.
    logger = logging.getLogger("dotenv.main")
    logger.addHandler(told)
    problems = []
    try:
        load_dotenv(path, override=False, encoding="utf-8-sig")
    except UnicodeDecodeError:
        problems.append("is not UTF-8 text, and is left out")
    except OSError as err:
        problems.append(f"cannot be read ({err.strerror or 'unknown error'}), and is left out")
    except ValueError:  # the system takes no NUL
        problems.append("has a value that no variable can have; it is left out from there on")
    finally:
        logger.removeHandler(told)
    statements = [f"has no NAME=VALUE in line {line}, which is left out" for line in told.lines]
    return statements + problems


class _Told(logging.Handler):
    """Notes the lines that dotenv warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [one for one in record.args or () if isinstance(one, int)]
