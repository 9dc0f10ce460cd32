"""The tables. `migrations/` makes them; a test holds that the two agree.

Each primary key begins with the owner, so that no row is found without saying whose it is, and a
message cannot belong to another owner than its conversation. API keys alone are found by their
digest, since they say who the owner is.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    Uuid,
)

from llmring.conversations.sql.values import Json, Moment, Words

metadata = MetaData()

conversations = Table(
    "llmring_conversations",
    metadata,
    Column("owner", Words, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("message_count", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost", Double, nullable=False),
    Column("title", Words),
    Column("system_prompt", Words),
    Column("model_alias", Words),
    Column("temperature", Double),
    Column("max_tokens", BigInteger),
    Column("metadata", Json, nullable=False),
    PrimaryKeyConstraint("owner", "id"),
    Index("llmring_conversations_by_time", "owner", "updated_at"),
)

messages = Table(
    "llmring_messages",
    metadata,
    Column("owner", Words, nullable=False),
    Column("conversation_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("timestamp", Moment, nullable=False),
    Column("role", String(16), nullable=False),
    Column("logging_level", String(16), nullable=False),
    # Tells a message from others without reading it; see `llmring.conversations.repeats`.
    Column("digest", LargeBinary, nullable=False),
    Column("model", Words),
    Column("finish_reason", Words),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cost", Double),
    Column("tool_call_id", Words),
    # The text, of content parts too; `parts` is what they are, None for plain text.
    Column("text", Words),
    Column("parts", Json),
    Column("tool_calls", Json),
    Column("thinking_blocks", Json),
    Column("reasoning", Words),
    Column("metadata", Json),
    PrimaryKeyConstraint("owner", "conversation_id", "position"),
    ForeignKeyConstraint(
        ["owner", "conversation_id"],
        ["llmring_conversations.owner", "llmring_conversations.id"],
        ondelete="CASCADE",
        name="llmring_messages_conversation",
    ),
)

usage = Table(
    "llmring_usage",
    metadata,
    Column("owner", Words, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("timestamp", Moment, nullable=False),
    Column("model", Words, nullable=False),
    Column("provider", Words, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cached_input_tokens", BigInteger, nullable=False),
    Column("cost", Double),
    Column("origin", Words, nullable=False),
    Column("alias", Words),
    Column("profile", Words),
    Column("id_at_origin", Words),
    # Kept when the conversation is deleted: the call was made.
    Column("conversation_id", Uuid),
    Column("metadata", Json, nullable=False),
    PrimaryKeyConstraint("owner", "id"),
    Index("llmring_usage_by_time", "owner", "timestamp"),
)

# What follows is the server's.

api_keys = Table(
    "llmring_api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("hint", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    UniqueConstraint("digest", name="llmring_api_keys_digest"),
    Index("llmring_api_keys_by_owner", "owner", "created_at"),
)

templates = Table(
    "llmring_templates",
    metadata,
    Column("owner", Words, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("name", Words, nullable=False),
    Column("description", Words),
    Column("system_prompt", Words),
    Column("model_alias", Words),
    Column("temperature", Double),
    Column("max_tokens", BigInteger),
    Column("metadata", Json, nullable=False),
    PrimaryKeyConstraint("owner", "id"),
)

mcp_servers = Table(
    "llmring_mcp_servers",
    metadata,
    Column("owner", Words, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("name", Words, nullable=False),
    Column("url", Words, nullable=False),
    Column("transport_type", String(32), nullable=False),
    Column("capabilities", Json),
    Column("is_active", Boolean, nullable=False),
    PrimaryKeyConstraint("owner", "id"),
)

mcp_items = Table(
    "llmring_mcp_items",
    metadata,
    Column("owner", Words, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("server_id", Uuid, nullable=False),
    Column("kind", String(16), nullable=False),
    # Its place in what the server offers of that kind.
    Column("position", Integer, nullable=False),
    Column("name", Words, nullable=False),
    Column("description", Words),
    Column("definition", Json, nullable=False),
    PrimaryKeyConstraint("owner", "id"),
    ForeignKeyConstraint(
        ["owner", "server_id"],
        ["llmring_mcp_servers.owner", "llmring_mcp_servers.id"],
        ondelete="CASCADE",
        name="llmring_mcp_items_server",
    ),
    Index("llmring_mcp_items_by_server", "owner", "server_id", "kind", "position"),
)
