"""Where the database is: by default a file in the user's data folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeGuard
from urllib.parse import unquote

from llmring.exceptions import ConfigurationError

#: Names another database than the user's own file.
VARIABLE = "LLMRING_DATABASE_URL"
_SQLITE = "sqlite+aiosqlite://"
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")
_FORMS = "give the path of a file, sqlite:///PATH, or postgresql://USER:PASSWORD@HOST/DATABASE"


def data_folder() -> Path:
    """Where what is kept for the user is; it need not exist."""
    from platformdirs import user_data_path

    return user_data_path("llmring", appauthor=False)


def config_folder() -> Path:
    """Where what the user has set is; it need not exist."""
    from platformdirs import user_config_path

    return user_config_path("llmring", appauthor=False)


def default_path() -> Path:
    """The user's own file; it need not exist."""
    return data_folder() / "conversations.sqlite"


def default_url() -> str:
    """Its address, as `database_url` gives it."""
    return _file_url(default_path())


def sqlite_path(url: str) -> Path | None:
    """The file of an address that `database_url` gave.

    :return: None for PostgreSQL, for memory, and for an address with options.
    """
    head, _, path = url.partition(f"{_SQLITE}/")
    return None if head or path in ("", ":memory:") or "?" in path else Path(unquote(path))


def database_url(where: str | os.PathLike[str] | None) -> str:
    """An address as SQLAlchemy has it.

    :param where: a path, ``sqlite:///PATH`` (``sqlite://`` alone is this process's memory),
        ``postgresql://…``; None for `VARIABLE`, else the user's own file.
    :raises ConfigurationError: it is none of these.
    """
    if where is None:
        text = os.environ.get(VARIABLE, "").strip()
    else:
        text = os.fspath(where) if isinstance(where, os.PathLike) else where
    if not _is_path(text):
        raise ConfigurationError(f"a database cannot be at {text!r}; {_FORMS}")
    if not text:
        return default_url()
    scheme, found, rest = text.partition("://")
    if not found:
        return _file_url(Path(text).expanduser().absolute())
    if scheme in ("sqlite", "sqlite+aiosqlite") and (not rest or rest.startswith("/")):
        return f"{_SQLITE}{rest}"
    if scheme in _POSTGRES:
        return f"postgresql+psycopg://{rest}"
    # The rest may hold a password.
    raise ConfigurationError(f"a database cannot be at {scheme[:40]}://…; {_FORMS}")


def _file_url(path: Path) -> str:
    # What SQLAlchemy would take for an escape, and for the beginning of options.
    quoted = str(path).replace("%", "%25").replace("?", "%3F")
    return f"{_SQLITE}/{quoted}"


def _is_path(text: object) -> TypeGuard[str]:
    """Whether it is text, and a file could have that name."""
    if not isinstance(text, str):
        return False
    try:
        os.fsencode(text)
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte
        return False
    return True
