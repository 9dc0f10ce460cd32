"""Where a text stands in an owner's conversations.

Every message of the owner is read, some 2 µs each (bench/conversations.py); an index of words would
find words and no parts of them.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, literal, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from llmring.conversations.contents import excerpt
from llmring.conversations.kept_text import kept
from llmring.conversations.sql.tables import conversations, messages
from llmring.conversations.sql.values import Words
from llmring.conversations.types import SearchHit


def _has(column: ColumnElement[str], text: str, *, is_sqlite: bool) -> ColumnElement[bool]:
    """Whether a column holds a text, in any case."""
    if is_sqlite and not text.isascii():
        # SQLite knows the two cases of ASCII alone; Python, which is slower, knows all.
        folded = func.casefold(literal(text, Words))
        return func.instr(func.casefold(column), folded) > 0
    escaped = kept(text)
    for special in "\\%_":
        escaped = escaped.replace(special, "\\" + special)
    pattern = literal(f"%{escaped}%")
    # SQLite's LIKE ignores the case of ASCII by itself, which lower() would do at twice the cost.
    compare = column.like if is_sqlite else column.ilike
    return compare(pattern, escape="\\")


async def search(
    connection: AsyncConnection, owner: str, text: str, limit: int, offset: int, *, is_sqlite: bool
) -> list[SearchHit]:
    """The places, the newest first."""
    talks, said = conversations.c, messages.c
    titles = select(
        talks.id, talks.title, null().label("position"), null().label("role"),
        talks.created_at.label("timestamp"), talks.title.label("text"),
    ).where(talks.owner == owner, _has(talks.title, text, is_sqlite=is_sqlite))  # fmt: skip
    texts = (
        select(talks.id, talks.title, said.position, said.role, said.timestamp, said.text)
        .join(messages, and_(said.owner == talks.owner, said.conversation_id == talks.id))
        .where(
            talks.owner == owner, said.owner == owner, _has(said.text, text, is_sqlite=is_sqlite)
        )
    )
    both = union_all(titles, texts).subquery()
    page = (
        select(both)
        .order_by(both.c.timestamp.desc(), both.c.id, both.c.position)
        .limit(limit)
        .offset(offset)
    )
    return [
        SearchHit(
            conversation_id=row.id,
            title=row.title,
            position=row.position,
            role=row.role,
            timestamp=row.timestamp,
            excerpt=excerpt(row.text, text),
        )
        for row in await connection.execute(page)
    ]
