"""Conversations, messages, usage."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from llmring.conversations.sql.values import Json, Moment, Words

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "llmring_conversations",
        sa.Column("owner", Words, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("message_count", sa.BigInteger, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.Double, nullable=False),
        sa.Column("title", Words),
        sa.Column("system_prompt", Words),
        sa.Column("model_alias", Words),
        sa.Column("temperature", sa.Double),
        sa.Column("max_tokens", sa.BigInteger),
        sa.Column("metadata", Json, nullable=False),
        sa.PrimaryKeyConstraint("owner", "id"),
    )
    op.create_index(
        "llmring_conversations_by_time", "llmring_conversations", ["owner", "updated_at"]
    )
    op.create_table(
        "llmring_messages",
        sa.Column("owner", Words, nullable=False),
        sa.Column("conversation_id", sa.Uuid, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("timestamp", Moment, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("logging_level", sa.String(16), nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("model", Words),
        sa.Column("finish_reason", Words),
        sa.Column("input_tokens", sa.BigInteger),
        sa.Column("output_tokens", sa.BigInteger),
        sa.Column("cost", sa.Double),
        sa.Column("tool_call_id", Words),
        sa.Column("text", Words),
        sa.Column("parts", Json),
        sa.Column("tool_calls", Json),
        sa.Column("thinking_blocks", Json),
        sa.Column("reasoning", Words),
        sa.Column("metadata", Json),
        sa.PrimaryKeyConstraint("owner", "conversation_id", "position"),
        sa.ForeignKeyConstraint(
            ["owner", "conversation_id"],
            ["llmring_conversations.owner", "llmring_conversations.id"],
            ondelete="CASCADE",
            name="llmring_messages_conversation",
        ),
    )
    op.create_table(
        "llmring_usage",
        sa.Column("owner", Words, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("timestamp", Moment, nullable=False),
        sa.Column("model", Words, nullable=False),
        sa.Column("provider", Words, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cached_input_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.Double),
        sa.Column("origin", Words, nullable=False),
        sa.Column("alias", Words),
        sa.Column("profile", Words),
        sa.Column("id_at_origin", Words),
        sa.Column("conversation_id", sa.Uuid),
        sa.Column("metadata", Json, nullable=False),
        sa.PrimaryKeyConstraint("owner", "id"),
    )
    op.create_index("llmring_usage_by_time", "llmring_usage", ["owner", "timestamp"])


def downgrade() -> None:
    """Drop the tables, with all that is in them."""
    for name in ("llmring_usage", "llmring_messages", "llmring_conversations"):
        op.drop_table(name)
