"""What goes over HTTP between the llmring server and its clients.

All routes but `HEALTH` and `REGISTRY` are below `API`, and take a key; a slash at a path's end
makes no difference. "…" stands for `API`; what is in brackets are parameters of the query. A list
comes as it is, without an envelope. What a POST makes is answered with 201, all else with 200.
Bodies and answers are named here, and in `llmring.conversations.types`.

====================================================  ==================  ==========================
route                                                 body                answer
====================================================  ==================  ==========================
POST   …/log                                          `LogBody`           `LogAnswer`
POST   …/log/batch                                    `LogBatch`          `LogBatchAnswer`
GET    …/stats [of `UsageFilter`]                                         `Stats`
GET    …/stats/{group} [of `UsageFilter`]                                 list of `UsageTotals`
GET    …/logs [limit, offset, of `UsageFilter`]                           list of `LogRow`
GET    …/usage [limit, offset, of `UsageFilter`]                          list of `UsageRecord`
POST   …/conversations                                `ConversationBody`  `Conversation`
GET    …/conversations [limit, offset]                                    list of `Conversation`
GET    …/conversations/search [q, limit, offset]                          list of `SearchHit`
POST   …/conversations/log                            `ConversationLog`   `ConversationLogAnswer`
GET    …/conversations/{id} [of `HistoryQuery`]                           `ConversationAnswer`
PATCH  …/conversations/{id}                           changed fields      `Conversation`
DELETE …/conversations/{id}                                               `Deleted`
GET    …/conversations/{id}/messages [limit, before]                      list of `StoredMessage`
POST   …/conversations/{id}/messages                  `MessageBody`       `StoredMessage`
POST   …/conversations/{id}/messages/batch            `MessageBatch`      list of `StoredMessage`
POST   …/templates                                    `TemplateFields`    `Template`
GET    …/templates [limit, offset]                                        list of `Template`
GET    …/templates/{id}                                                   `Template`
PATCH  …/templates/{id}                               changed fields      `Template`
DELETE …/templates/{id}                                                   `Deleted`
POST   …/mcp/servers                                  `MCPServerFields`   `MCPServer`
GET    …/mcp/servers [limit, offset, is_active]                           list of `MCPServer`
GET    …/mcp/servers/{id}                                                 `MCPServer`
PATCH  …/mcp/servers/{id} (or PUT)                    changed fields      `MCPServer`
DELETE …/mcp/servers/{id}                                                 `Deleted`
POST   …/mcp/servers/{id}/refresh                     `MCPOffer`          `MCPOfferAnswer`
GET    …/mcp/tools [limit, offset, server_id]                             list of `MCPItem`
GET    …/mcp/tools/{id}                                                   `MCPItem`
       (…/mcp/resources and …/mcp/prompts likewise)
POST   …/keys                                         `KeyBody`           `NewKey`
GET    …/keys [limit, offset, tenant]                                     list of `Key`
GET    …/keys/current                                                     `Key`
POST   …/keys/rotate                                  none, or ``{}``     `NewKey`
DELETE …/keys/{id}                                                        `Deleted`
GET    /health                                                            `Health`
GET    /registry                                                          `RegistryIndex`
GET    /registry/{provider}/models.json                                   the provider's list
GET    /registry/{provider}/v/{version}/models.json                       the same
====================================================  ==================  ==========================

What cannot be done is answered by `ErrorAnswer`, with the status that says of which kind it is: 400
a body or a parameter that cannot be one, 401 no key or a wrong one, 403 a key that may not, 404 not
there (or another tenant's), 413 too large, 429 and 503 come back later (``Retry-After``).

JSON on the wire is ASCII, so that lone surrogates, which models do write, go through as escapes.
"""

from __future__ import annotations

from llmring.server.wire.base import API, HEALTH, REGISTRY, Wire
from llmring.server.wire.conversations import (
    MAX_MESSAGES,
    ConversationAnswer,
    ConversationBody,
    ConversationLog,
    ConversationLogAnswer,
    Deleted,
    HistoryQuery,
    LoggedResponse,
    MessageBatch,
    MessageBody,
)
from llmring.server.wire.keys import KEY_PREFIX, Key, KeyBody, NewKey, Tenant
from llmring.server.wire.mcp import (
    MAX_ITEMS,
    ItemKind,
    MCPItem,
    MCPOffer,
    MCPOfferAnswer,
    MCPServer,
    MCPServerFields,
)
from llmring.server.wire.status import ErrorAnswer, ErrorFacts, Health, RegistryIndex, RegistryList
from llmring.server.wire.templates import Template, TemplateFields
from llmring.server.wire.usage import (
    MAX_LOGS,
    LogAnswer,
    LogBatch,
    LogBatchAnswer,
    LogBody,
    LogRow,
    Stats,
)

__all__ = [
    "API",
    "HEALTH",
    "KEY_PREFIX",
    "MAX_ITEMS",
    "MAX_LOGS",
    "MAX_MESSAGES",
    "REGISTRY",
    "ConversationAnswer",
    "ConversationBody",
    "ConversationLog",
    "ConversationLogAnswer",
    "Deleted",
    "ErrorAnswer",
    "ErrorFacts",
    "Health",
    "HistoryQuery",
    "ItemKind",
    "Key",
    "KeyBody",
    "LogAnswer",
    "LogBatch",
    "LogBatchAnswer",
    "LogBody",
    "LogRow",
    "LoggedResponse",
    "MCPItem",
    "MCPOffer",
    "MCPOfferAnswer",
    "MCPServer",
    "MCPServerFields",
    "MessageBatch",
    "MessageBody",
    "NewKey",
    "RegistryIndex",
    "RegistryList",
    "Stats",
    "Template",
    "TemplateFields",
    "Tenant",
    "Wire",
]
