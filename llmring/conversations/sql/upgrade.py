"""The tables of a database, made or brought up to date when it is opened.

alembic, which takes half a second to load, is asked only when there is something to do.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from llmring.conversations.local_usage import APPLICATION_ID
from llmring.conversations.sql.errors import Unusable

#: The last step of `migrations/`.
HEAD = "0002"
VERSION_TABLE = "llmring_version"
_FOLDER = str(Path(__file__).parent / "migrations")
# PostgreSQL's lock by which one process at a time changes the tables: "LLMr" as well.
_LOCK = APPLICATION_ID
# alembic keeps what it works at in globals; all databases are opened in one loop.
_upgrading = asyncio.Lock()


async def bring_up_to_date(reader: AsyncEngine, writer: AsyncEngine) -> None:
    """Make what is missing. Several processes may do so at once.

    :raises Unusable: a newer llm-kit has changed the tables.
    """
    async with reader.connect() as connection:
        if await connection.run_sync(_version) == HEAD:
            return
    async with _upgrading, writer.begin() as connection:
        await connection.run_sync(_upgrade)


def _version(connection: Connection) -> str | None:
    """The last step that was taken; None for none.

    :raises Unusable: it is one that we do not know.
    """
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    if found is not None and found > HEAD:
        raise Unusable(f"a newer llm-kit wrote it (version {found}); upgrade llm-kit")
    return found


def _upgrade(connection: Connection) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if _version(connection) == HEAD:
        return  # another process was faster
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _FOLDER.replace("%", "%%"))
    config.attributes.update(connection=connection, version_table=VERSION_TABLE)
    command.upgrade(config, HEAD)
    if is_sqlite:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
