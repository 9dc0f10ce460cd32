"""What the server has: its database, its keys, its list of prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from llmring.conversations.opening import store_in
from llmring.conversations.sql.api_keys import SQLKeys
from llmring.conversations.sql.mcp_servers import SQLMCPItems
from llmring.conversations.sql.owned import OwnedTable
from llmring.conversations.sql.tables import mcp_servers, templates
from llmring.conversations.types import UsageRecord
from llmring.registry import Registry
from llmring.server.gate import Gate
from llmring.server.keys import Keyring
from llmring.server.wire import MCPServer, MCPServerFields, Template, TemplateFields

if TYPE_CHECKING:
    from llmring.conversations.sql.database import SQLDatabase
    from llmring.conversations.sql.store import SQLStore


class Tenant:
    """What one tenant has. The tenant stands in every query of it.

    :param name: the owner of the rows.
    """

    def __init__(self, database: SQLDatabase, name: str) -> None:
        self.name = name
        self.store: SQLStore = store_in(database, name)
        self.templates = OwnedTable(database, name, templates, TemplateFields, Template)
        self.mcp_servers = OwnedTable(database, name, mcp_servers, MCPServerFields, MCPServer)
        self.mcp_items = SQLMCPItems(database, name)


class Service:
    """What the server's routes are about.

    :param database: where all is kept.
    :param admin_key: the admin's key; None for none.
    :param makes_first_key: whether anybody who reaches the server makes the very first key.
    """

    def __init__(self, database: SQLDatabase, admin_key: str | None, makes_first_key: bool) -> None:
        self.database = database
        self.keyring = Keyring(SQLKeys(database), admin_key)
        self.makes_first_key = makes_first_key
        self.registry = Registry()
        self.gate = Gate()
        #: Is told of calls that were written to the usage log; may not raise.
        self.on_usage: Callable[[Sequence[UsageRecord]], None] | None = None

    def tenant(self, name: str) -> Tenant:
        """What a tenant has."""
        return Tenant(self.database, name)

    async def note(self, tenant: Tenant, records: Sequence[UsageRecord]) -> None:
        """Write calls to a tenant's usage log. :raises StoreError: none of them was written."""
        await tenant.store.add_usage(records)
        if self.on_usage is not None:
            self.on_usage(records)

    def priced(self, record: UsageRecord) -> UsageRecord:
        """The record with its cost, where it has none and the registry knows a price."""
        facts = record.metadata
        # Tokens that nobody has counted are not 0 tokens.
        if record.cost is not None or facts.get("cost_status") == "no_usage":
            return record
        usage: dict[str, Any] = {
            "prompt_tokens": record.input_tokens,
            "completion_tokens": record.output_tokens,
            "cached_tokens": record.cached_input_tokens,
        }
        total = self.registry.cost(usage, f"{record.provider}:{record.model}").total
        if total is None:
            return record
        known = {name: value for name, value in facts.items() if name != "cost_status"}
        return record.model_copy(update={"cost": total, "metadata": known})
