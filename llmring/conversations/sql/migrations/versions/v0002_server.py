"""What the server keeps: API keys, templates, MCP servers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from llmring.conversations.sql.values import Json, Moment, Words

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "llmring_api_keys",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("owner", Words, nullable=False),
        sa.Column("name", Words, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("hint", sa.String(16), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("last_used_at", Moment),
        sa.Column("revoked_at", Moment),
        sa.UniqueConstraint("digest", name="llmring_api_keys_digest"),
    )
    op.create_index("llmring_api_keys_by_owner", "llmring_api_keys", ["owner", "created_at"])
    op.create_table(
        "llmring_templates",
        sa.Column("owner", Words, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("name", Words, nullable=False),
        sa.Column("description", Words),
        sa.Column("system_prompt", Words),
        sa.Column("model_alias", Words),
        sa.Column("temperature", sa.Double),
        sa.Column("max_tokens", sa.BigInteger),
        sa.Column("metadata", Json, nullable=False),
        sa.PrimaryKeyConstraint("owner", "id"),
    )
    op.create_table(
        "llmring_mcp_servers",
        sa.Column("owner", Words, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("name", Words, nullable=False),
        sa.Column("url", Words, nullable=False),
        sa.Column("transport_type", sa.String(32), nullable=False),
        sa.Column("capabilities", Json),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("owner", "id"),
    )
    op.create_table(
        "llmring_mcp_items",
        sa.Column("owner", Words, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("server_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", Words, nullable=False),
        sa.Column("description", Words),
        sa.Column("definition", Json, nullable=False),
        sa.PrimaryKeyConstraint("owner", "id"),
        sa.ForeignKeyConstraint(
            ["owner", "server_id"],
            ["llmring_mcp_servers.owner", "llmring_mcp_servers.id"],
            ondelete="CASCADE",
            name="llmring_mcp_items_server",
        ),
    )
    op.create_index(
        "llmring_mcp_items_by_server",
        "llmring_mcp_items",
        ["owner", "server_id", "kind", "position"],
    )


def downgrade() -> None:
    """Drop the tables, with all that is in them."""
    for name in (
        "llmring_mcp_items",
        "llmring_mcp_servers",
        "llmring_templates",
        "llmring_api_keys",
    ):
        op.drop_table(name)
