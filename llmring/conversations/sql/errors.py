"""What goes wrong in a database, by llmring's names.

Neither SQL nor values are told: they hold what people say to models, and addresses hold passwords.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from llmring.exceptions import LLMRingError, StoreError, ValidationError

#: What writing a value as JSON may raise.
NOT_JSON = (TypeError, ValueError, RecursionError)
_SQLITE_ADVICE = {
    "SQLITE_FULL": "the disk is full; make room and call again",
    "SQLITE_BUSY": "another process keeps it locked; call again",
    "SQLITE_NOTADB": "it is no database; name another file",
    "SQLITE_CORRUPT": "it is damaged; restore a copy of it, or name another file",
    "SQLITE_READONLY": "it cannot be written; check its permissions, or name another file",
    "SQLITE_CANTOPEN": "it cannot be opened; check the path and its permissions",
    "SQLITE_IOERR": "the disk fails, or the file was taken away; check both",
    "SQLITE_TOOBIG": "a value is too long for it",
}
# The first two characters of PostgreSQL's codes, and whole ones. Source: PostgreSQL 15, appendix A.
_POSTGRES_ADVICE = {
    "08": "the connection broke; call again",
    "28": "it refuses the user or the password",
    "3D": "there is no such database; make it with createdb",
    "40": "it was busy with others' changes; call again",
    "42501": "the user may not do that in it; grant it the rights",
    "53": "it has run out of room, memory or connections",
    "54": "a value is too long for it",
    "57": "it is shutting down or starting; call again",
    "55": "others keep it locked; call again",
}


class Unusable(Exception):
    """The database is not one of ours, or cannot be used safely; the text says why."""


@contextmanager
def told_as_store_errors(where: str) -> Iterator[None]:
    """Errors of the database as `StoreError`.

    :param where: the database, for people, without its password.
    """
    try:
        yield
    except LLMRingError:
        raise
    except (SQLAlchemyError, OSError, TimeoutError, Unusable) as err:
        failure = _failure(where, err)
    else:
        return
    # Outside the handler: the error's chain, and its traceback, hold what was written.
    raise failure


def _failure(where: str, err: Exception) -> LLMRingError:
    if isinstance(err, StatementError) and isinstance(err.orig, NOT_JSON):
        return not_json(err.orig)
    return StoreError(f"cannot use the database at {where}: {problem(err)}", code=code_of(err))


def not_json(err: BaseException) -> ValidationError:
    """The error for a value that JSON cannot say; `err` tells of what kind it is."""
    kind = type(err).__name__
    return ValidationError(f"what a message or its facts hold cannot be written as JSON ({kind})")


def code_of(err: BaseException) -> str | None:
    """SQLite's name of an error, or PostgreSQL's five characters; None where it has none."""
    cause = getattr(err, "orig", None) or err
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    return None if code is None else str(code)


def problem(err: Exception) -> str:
    """What went wrong, and what to do."""
    if isinstance(err, Unusable):
        return str(err)
    if isinstance(err, PoolTimeoutError):
        return "all connections are in use; call again"
    if isinstance(err, TimeoutError):
        return "it did not answer in time; call again"
    if isinstance(err, OSError) and err.strerror:
        return f"{err.strerror.lower()}; check the path and its permissions"
    code = code_of(err)
    if code is None:
        # PostgreSQL's driver tells so why there is no connection, in lines.
        text = str(getattr(err, "orig", None) or err).partition("\n")[0]
        return f"{text[:300]}; check that it runs and can be reached"
    if code.startswith("SQLITE_"):
        # Extended codes (SQLITE_READONLY_DBMOVED) begin with the plain ones.
        plain = "_".join(code.split("_")[:2])
        return _SQLITE_ADVICE.get(plain, code)
    return _POSTGRES_ADVICE.get(code) or _POSTGRES_ADVICE.get(code[:2]) or f"error {code}"
