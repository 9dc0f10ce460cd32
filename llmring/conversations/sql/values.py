"""Column types that give back what was put in, in SQLite and in PostgreSQL alike.

- Text: PostgreSQL takes no NUL, and no UTF-8 has lone surrogates, which models do write. Each is
  kept as U+FDD0, a code point that stands for nothing (Unicode 16, section 23.7), and its number in
  four hexadecimal digits; so is U+FDD0 itself.
- Moments: SQLite has none. They are texts in UTC there, whose order is that of time.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, String, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

_MARK = "\ufdd0"
_UNKEPT = re.compile(f"[\\x00\\ud800-\\udfff{_MARK}]")
_KEPT = re.compile(f"{_MARK}([0-9a-f]{{4}})")


def kept(text: str) -> str:
    """`text` as databases take it."""
    return _UNKEPT.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", text)


def original(text: str) -> str:
    """What `kept` was given."""
    return _KEPT.sub(lambda found: chr(int(found[1], 16)), text) if _MARK in text else text


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
        return None if value is None else kept(json.dumps(value, ensure_ascii=False))

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
