"""What stands behind the question mark. Names that older clients send are known, too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, Field

from llmring.conversations.types import MAX_PAGE, Name, UsageFilter, in_utc
from llmring.server.wire import MAX_LOGS, MAX_MESSAGES, Tenant
from llmring.server.wire.base import Wire


def _moment(moment: datetime) -> datetime:
    # A client's local time is not the server's.
    return in_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


_Moment = Annotated[datetime, AfterValidator(_moment)]
_Offset = Annotated[int, Field(ge=0, lt=2**63)]
_Limit = Annotated[int, Field(ge=1, le=MAX_PAGE)]


class Page(Wire):
    """Some of a list."""

    limit: _Limit = 20
    offset: _Offset = 0


class Filter(Wire):
    """Calls; see `UsageFilter`. Times without a zone are in UTC, and a day begins at midnight.

    :param group_by: not needed: `Stats` has all groups.
    """

    since: _Moment | None = Field(
        default=None, validation_alias=AliasChoices("since", "start_date")
    )
    until: _Moment | None = Field(default=None, validation_alias=AliasChoices("until", "end_date"))
    model: Name | None = None
    provider: Name | None = None
    origin: Name | None = None
    alias: Name | None = None
    profile: Name | None = None
    group_by: Name | None = None

    def which(self) -> UsageFilter:
        """As the store takes it."""
        return UsageFilter(**self.model_dump(include=set(UsageFilter.model_fields)))


class Logs(Filter):
    """Some of the usage log."""

    limit: Annotated[int, Field(ge=1, le=MAX_LOGS)] = 100
    offset: _Offset = 0


class Usage(Logs):
    """Some of the usage log, for another store."""

    limit: _Limit = 100


class Search(Page):
    """What is searched for."""

    q: str = Field(min_length=1)


class Messages(Wire):
    """Some of the messages of a conversation, the last ones.

    :param before: only those before this position.
    :param offset: how many of the last ones are left out.
    """

    limit: Annotated[int, Field(ge=1, le=MAX_MESSAGES)] = 100
    before: _Offset | None = None
    offset: Annotated[int, Field(ge=0, le=MAX_MESSAGES)] = 0


class MCPServers(Page):
    """Some of the MCP servers."""

    limit: _Limit = 100
    is_active: bool | None = None
    project_id: None = None


class MCPItems(Page):
    """Some of what MCP servers offer."""

    limit: _Limit = MAX_PAGE
    server_id: UUID | None = None
    is_active: bool | None = None
    project_id: None = None


class Keys(Page):
    """Some of the keys."""

    limit: _Limit = 100
    tenant: Tenant | None = None
