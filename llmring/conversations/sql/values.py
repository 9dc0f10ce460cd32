"""Column types that give back what was put in, in SQLite and in PostgreSQL alike.

- Text: see `llmring.conversations.kept_text`.
- Moments: SQLite has none. They are texts in UTC there, whose order is that of time.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, String, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

from llmring.conversations.kept_text import kept, kept_json, original


class Words(TypeDecorator[str]):
    """Any `str`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """As the database takes it."""
        return None if value is None else kept(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """As it was given."""
        return None if value is None else original(value)


class Json(TypeDecorator[Any]):
    """What JSON can say, as text: PostgreSQL's own type refuses NUL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """As the database takes it."""
        return None if value is None else kept_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """As it was given."""
        return None if value is None else json.loads(original(value))


class Moment(TypeDecorator[datetime]):
    """An aware time, to the microsecond; it comes back in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type behind it."""
        own = String(32) if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(own)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """As the database takes it."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """In UTC."""
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        return None if value is None else value.astimezone(UTC)
