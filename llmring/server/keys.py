"""Keys: how they are made and kept, and whose request one opens.

A key has 128 random bits. Nobody guesses it, so its SHA-256 is kept and a slow hash would add
nothing: that slows down trying what people choose for passwords.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from llmring.conversations.sql.api_keys import KeyRow, SQLKeys
from llmring.conversations.types import now
from llmring.exceptions import StoreError
from llmring.server.wire import KEY_PREFIX

#: Seconds for which a key is known without asking the database: so long may one that another
#: process has revoked still open this one.
CACHE_S = 5.0
#: `last_used_at` is written once in so many seconds.
TOUCH_S = 60.0
_MAX_CACHED = 10_000
_KEY = re.compile(rf"{KEY_PREFIX}[0-9a-f]{{32}}".encode())
_logger = logging.getLogger("llmring.server")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    :param key: the tenant's key; None for the admin's, and for whoever makes the first.
    """

    key: KeyRow | None = None
    is_admin: bool = False


def new_key() -> tuple[str, bytes, str]:
    """A key, its digest, and its last four digits."""
    key = KEY_PREFIX + secrets.token_hex(16)
    return key, digest_of(key.encode()), key[-4:]


def digest_of(key: bytes) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key).digest()


class Keyring:
    """Knows keys.

    :param rows: the tenants' keys.
    :param admin_key: the admin's; None for none.
    :param clock: seconds that only go on.
    """

    def __init__(
        self, rows: SQLKeys, admin_key: str | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rows = rows
        self.has_admin = admin_key is not None
        self._admin = digest_of((admin_key or "").encode())
        self._clock = clock
        self._known: dict[bytes, tuple[KeyRow, float]] = {}
        self._touched: dict[bytes, float] = {}
        self._touching: set[asyncio.Task[None]] = set()

    async def caller(self, key: bytes) -> Caller | None:
        """Whose key it is; None where it opens nothing.

        :raises StoreError: the database cannot be used.
        """
        digest = digest_of(key)
        if self.has_admin and hmac.compare_digest(digest, self._admin):
            return Caller(is_admin=True)
        if not _KEY.fullmatch(key):
            return None
        row = await self._find(digest)
        # The database has looked for the digest, of which time may tell something; a digest opens
        # nothing, and no key can be made to fit a part of one.
        if row is None or not hmac.compare_digest(row.digest, digest) or not row.opens(now()):
            return None
        self._touch(row)
        return Caller(row)

    def forget(self) -> None:
        """Ask the database again: a key has changed."""
        # Another one, so that a look-up under way remembers what it has found in the old one.
        self._known = {}

    async def _find(self, digest: bytes) -> KeyRow | None:
        known = self._known
        row, until = known.get(digest, (None, 0.0))
        if row is not None and self._clock() < until:
            return row
        row = await self.rows.find(digest)
        if row is not None:
            if len(known) >= _MAX_CACHED:
                known.clear()
            known[digest] = row, self._clock() + CACHE_S
        return row

    def _touch(self, row: KeyRow) -> None:
        """Note that a key was used; nobody waits for it, and nobody fails by it."""
        moment = self._clock()
        if moment < self._touched.get(row.digest, -TOUCH_S) + TOUCH_S:
            return
        if len(self._touched) >= _MAX_CACHED:
            self._touched.clear()
        self._touched[row.digest] = moment
        task = asyncio.create_task(self._write_touch(row))
        self._touching.add(task)
        task.add_done_callback(self._touching.discard)

    async def _write_touch(self, row: KeyRow) -> None:
        try:
            await self.rows.touch(row.id, now())
        except StoreError as err:
            _logger.warning("when a key was last used is not noted: %s", err)
