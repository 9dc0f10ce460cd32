"""Opening a database of conversations."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from LLM.extras import how_to_add
from llmring.conversations.addresses import database_url
from llmring.conversations.store_address import OWNER
from llmring.exceptions import ConfigurationError

if TYPE_CHECKING:
    from llmring.conversations.sql.database import SQLDatabase
    from llmring.conversations.sql.store import SQLStore

_MAX_OWNER_CHARS = 200


def open_database(
    where: str | os.PathLike[str] | None = None, timeout_s: float = 30.0
) -> SQLDatabase:
    """A database of conversations and usage, made when it is first used.

    :param where: the path of an SQLite file, ``sqlite:///PATH``, or ``postgresql://…``; None for
        ``LLMRING_DATABASE_URL``, else a file in the user's data folder.
    :param timeout_s: seconds that an operation may take.
    :raises ConfigurationError: the address cannot be one, or a package is not installed.
    """
    url = database_url(where)
    try:
        from llmring.conversations.sql.database import SQLDatabase

        return SQLDatabase(url, timeout_s)
    except ImportError as err:
        extra = "postgres" if url.startswith("postgresql") and _has_sqlalchemy() else "ring"
        missing = err.name or "SQLAlchemy"
        raise ConfigurationError(
            f"keeping conversations takes {missing}, which is not installed; {how_to_add(extra)}",
            original=err,
        ) from err


def open_store(
    where: str | os.PathLike[str] | None = None, owner: str = OWNER, timeout_s: float = 30.0
) -> SQLStore:
    """One owner's store in a database; `close` closes the database.

    :param where: as for `open_database`.
    :param owner: 1 to 200 characters.
    :raises ConfigurationError: the address or the owner cannot be one, or a package is missing.
    """
    return store_in(open_database(where, timeout_s), owner)


def store_in(database: SQLDatabase, owner: str = OWNER) -> SQLStore:
    """One owner's store in a database that others may use, too.

    :raises ConfigurationError: the owner cannot be one.
    """
    from llmring.conversations.sql.store import SQLStore

    check_owner(owner)
    return SQLStore(database, owner)


def check_owner(owner: object) -> None:
    """:raises ConfigurationError: the owner cannot be one."""
    if not isinstance(owner, str) or not 1 <= len(owner) <= _MAX_OWNER_CHARS:
        raise ConfigurationError(f"owner is {owner!r:.80}; give 1 to {_MAX_OWNER_CHARS} characters")


def _has_sqlalchemy() -> bool:
    import importlib.util

    return importlib.util.find_spec("sqlalchemy") is not None
