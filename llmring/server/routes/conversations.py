"""Conversations and their messages."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic import ValidationError as PydanticValidationError

from llmring.conversations.types import (
    Conversation,
    ConversationFields,
    NewMessage,
    SearchHit,
    StoredMessage,
)
from llmring.server.endpoint import Call, Routes
from llmring.server.errors import not_found, refused, unfit
from llmring.server.queries import Messages, Page, Search
from llmring.server.wire import (
    ConversationAnswer,
    ConversationBody,
    ConversationLog,
    ConversationLogAnswer,
    Deleted,
    HistoryQuery,
    MessageBatch,
    MessageBody,
)

RecordT = TypeVar("RecordT", bound=BaseModel)
_WHAT = "conversation"
_MESSAGES = 100
_JSON_OBJECT = dict[str, Any]


def add_routes(routes: Routes) -> None:
    """Add the routes of conversations."""
    path = "/conversations"
    routes.add("POST", path, _create, body=ConversationBody, status=201)
    routes.add("GET", path, _list)
    routes.add("GET", f"{path}/search", _search)
    routes.add("POST", f"{path}/log", _log, body=ConversationLog)
    one = f"{path}/{{id}}"
    routes.add("GET", one, _get)
    routes.add("PATCH", one, _change, body=_JSON_OBJECT)
    routes.add("DELETE", one, _delete)
    routes.add("GET", f"{one}/messages", _messages)
    routes.add("POST", f"{one}/messages", _add_message, body=MessageBody, status=201)
    routes.add("POST", f"{one}/messages/batch", _add_batch, body=MessageBatch)


async def _create(call: Call, body: ConversationBody) -> Conversation:
    fields = ConversationFields(**body.model_dump())
    return await call.tenant.store.create_conversation(fields)


async def _list(call: Call) -> list[Conversation]:
    page = call.query(Page)
    return await call.tenant.store.list_conversations(page.limit, page.offset)


async def _search(call: Call) -> list[SearchHit]:
    query = call.query(Search)
    return await call.tenant.store.search(query.q, query.limit, query.offset)


async def _get(call: Call) -> ConversationAnswer:
    query, key, store = call.query(HistoryQuery), call.id(_WHAT), call.tenant.store
    found = ConversationAnswer(**dict(await store.get_conversation(key)))
    wants = query.include_messages
    if wants or (wants is None and query.message_limit is not None):
        found.messages = await store.messages(key, query.message_limit or _MESSAGES)
    return found


async def _change(call: Call, body: dict[str, Any]) -> Conversation:
    return await call.tenant.store.change_conversation(call.id(_WHAT), body)


async def _delete(call: Call) -> Deleted:
    key = call.id(_WHAT)
    if not await call.tenant.store.delete_conversation(key):
        raise not_found(_WHAT, key)
    return Deleted(id=key)


async def _messages(call: Call) -> list[StoredMessage]:
    query, store = call.query(Messages), call.tenant.store
    found = await store.messages(call.id(_WHAT), query.limit + query.offset, query.before)
    return found[: len(found) - query.offset] if query.offset else found


async def _add_message(call: Call, body: NewMessage) -> StoredMessage:
    (kept,) = await call.tenant.store.append(call.id(_WHAT), [body])
    return kept


async def _add_batch(call: Call, body: MessageBatch) -> list[StoredMessage]:
    key = call.id(_WHAT)
    if body.conversation_id is not None and body.conversation_id != key:
        message = "conversation_id is not that of the path"
        raise refused(400, message, "invalid_value", "conversation_id")
    store = call.tenant.store
    return await store.append(key, body.messages, body.logging_level, context=body.context)


async def _log(call: Call, body: ConversationLog) -> ConversationLogAnswer:
    store, facts = call.tenant.store, dict(body.metadata)
    known = facts.pop("conversation_id", None)
    answer = _answer(body, facts)
    if known is None:
        made = await store.create_conversation(_fields(facts), [*body.messages, answer])
        return ConversationLogAnswer(conversation_id=made.id, message_count=made.message_count)
    found = await store.get_conversation(str(known))
    kept = await store.append(found.id, [answer], context=body.messages)
    return ConversationLogAnswer(conversation_id=found.id, message_count=len(kept))


def _answer(body: ConversationLog, facts: dict[str, Any]) -> NewMessage:
    """The answer as a message, with what the facts of the call say of it."""
    response = body.response
    said = response.model_dump(exclude={"usage"})
    counts = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}
    numbers = {ours: facts.get(ours, response.usage.get(name)) for ours, name in counts.items()}
    fields = {**said, **numbers, "role": "assistant", "cost": facts.get("cost")}
    return _checked(NewMessage, fields)


def _fields(facts: dict[str, Any]) -> ConversationFields:
    provider, model = facts.get("provider"), facts.get("model")
    named = f"{provider}:{model}" if provider and model else None
    title, alias = facts.pop("title", None), facts.get("alias")
    fields = {"title": title, "model_alias": alias or named, "metadata": facts}
    return _checked(ConversationFields, fields)


def _checked(kind: type[RecordT], fields: dict[str, Any]) -> RecordT:
    try:
        return kind.model_validate(fields)
    except PydanticValidationError as err:
        problem = unfit(err, "body")
    raise problem
