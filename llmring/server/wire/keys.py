"""Keys, and whose they are."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from llmring.conversations.types import Moment, Name
from llmring.server.wire.base import Wire

#: What keys begin with; 32 hexadecimal digits follow, 128 random bits.
KEY_PREFIX = "llmr_pk_"


def _tenant(name: str) -> str:
    if not 1 <= len(name) <= 200 or not name.isascii() or not name.isprintable() or " " in name:
        raise ValueError("give 1 to 200 visible ASCII characters")
    return name


#: Whose things are whose: the owner of a store.
Tenant = Annotated[str, AfterValidator(_tenant)]


class KeyBody(Wire):
    """A key to make.

    :param name: for lists.
    :param tenant: whose key it is. With the admin's key any, by default a new one; with a tenant's
        key that tenant alone; for the very first key, by default ``local``.
    """

    name: Name = ""
    tenant: Tenant | None = None


class Key(Wire):
    """A key, without what would let anybody use it.

    :param hint: its last four digits.
    :param last_used_at: to the minute; None for never.
    :param revoked_at: from then on it opens nothing; None for a key that does.
    """

    id: UUID
    tenant: Tenant
    name: Name
    hint: str
    created_at: Moment
    last_used_at: Moment | None = None
    revoked_at: Moment | None = None


class NewKey(Key):
    """A key that was just made.

    :param key: told this once; the server keeps its digest alone.
    """

    key: str = Field(repr=False)
