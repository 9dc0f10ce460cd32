"""Keys."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from llmring.conversations.sql.api_keys import KeyRow
from llmring.server.endpoint import Call, Routes
from llmring.server.errors import not_found, refused
from llmring.server.keys import new_key
from llmring.server.queries import Keys
from llmring.server.wire import Deleted, Key, KeyBody, NewKey

#: Whose the very first key is: who has the things of a ring's own store.
FIRST_TENANT = "local"
#: Seconds for which a key that was replaced is still good: its owner may not have got the new one.
ROTATION_GRACE_S = 300.0


def add_routes(routes: Routes) -> None:
    """Add the routes of keys."""
    routes.add("POST", "/keys", _create, body=KeyBody, status=201)
    routes.add("GET", "/keys", _list)
    routes.add("GET", "/keys/current", _current)
    routes.add("POST", "/keys/rotate", _rotate, body=dict[str, None], status=201)
    routes.add("DELETE", "/keys/{id}", _revoke)


async def _create(call: Call, body: KeyBody) -> NewKey:
    caller, rows = call.caller, call.service.keyring.rows
    key, digest, hint = new_key()
    if caller.key is not None:
        own = caller.key.owner
        if body.tenant not in (None, own):
            raise refused(403, "a tenant's key makes keys for its tenant alone", "forbidden")
        if caller.key.revoked_at is not None:
            raise refused(403, "this key was replaced; use the new one to make keys", "key_ending")
        return _made(await rows.create(own, body.name, digest, hint), key)
    if caller.is_admin:
        tenant = body.tenant or uuid4().hex
        return _made(await rows.create(tenant, body.name, digest, hint), key)
    made = await rows.create_first(body.tenant or FIRST_TENANT, body.name, digest, hint)
    if made is None:
        raise refused(401, "there are keys already, so one is needed to make one", "no_first_key")
    return _made(made, key)


async def _list(call: Call) -> list[Key]:
    query, caller = call.query(Keys), call.caller
    owner = query.tenant if caller.is_admin else _own(call).owner
    if not caller.is_admin and query.tenant not in (None, owner):
        raise refused(403, "a tenant's key lists the keys of its tenant alone", "forbidden")
    rows = await call.service.keyring.rows.page(owner, query.limit, query.offset)
    return [_told(row) for row in rows]


async def _current(call: Call) -> Key:
    return _told(_own(call))


async def _rotate(call: Call, _: dict[str, None]) -> NewKey:
    key, digest, hint = new_key()
    keyring = call.service.keyring
    made = await keyring.rows.rotate(_own(call), digest, hint, ROTATION_GRACE_S)
    keyring.forget()
    return _made(made, key)


async def _revoke(call: Call) -> Deleted:
    key, keyring = call.id("key"), call.service.keyring
    owner = None if call.caller.is_admin else _own(call).owner
    if not await keyring.rows.revoke(key, owner):
        raise not_found("key", key)
    keyring.forget()
    return Deleted(id=key)


def _own(call: Call) -> KeyRow:
    """The tenant's key that the request carries.

    :raises InvalidRequestError: it carries none.
    """
    key = call.caller.key
    if key is None:
        raise refused(403, "the admin's key is not among these; use a tenant's key", "no_tenant")
    return key


def _told(row: KeyRow) -> Key:
    return Key(**_facts(row))


def _made(row: KeyRow, key: str) -> NewKey:
    return NewKey(**_facts(row), key=key)


def _facts(row: KeyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "tenant": row.owner,
        "name": row.name,
        "hint": row.hint,
        "created_at": row.created_at,
        "last_used_at": row.last_used_at,
        "revoked_at": row.revoked_at,
    }
