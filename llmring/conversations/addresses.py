"""Where the database is: by default a file in the user's data folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeGuard

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
    return f"{_SQLITE}/{default_path()}"


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
    scheme, found, rest = (text or str(default_path())).partition("://")
    if not found:
        return f"{_SQLITE}/{Path(scheme).expanduser().absolute()}"
    if scheme in ("sqlite", "sqlite+aiosqlite") and (not rest or rest.startswith("/")):
        return f"{_SQLITE}{rest}"
    if scheme in _POSTGRES:
        return f"postgresql+psycopg://{rest}"
    # The rest may hold a password.
    raise ConfigurationError(f"a database cannot be at {scheme[:40]}://…; {_FORMS}")


def _is_path(text: object) -> TypeGuard[str]:
    """Whether it is text, and a file could have that name."""
    if not isinstance(text, str):
        return False
    try:
        os.fsencode(text)
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte
        return False
    return True
