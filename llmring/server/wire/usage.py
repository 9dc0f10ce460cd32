"""The usage log."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from llmring.conversations.types import Dollars, Moment, UsageRecord, UsageTotals
from llmring.server.wire.base import Wire

#: Most records of `LogBatch`, and most rows of ``…/logs``.
MAX_LOGS = 500

#: A call to be noted. Its `id` makes it safe to send again: what is there already is left out.
#: Without `cost` the server prices it by its registry, but for ``cost_status: no_usage`` in
#: `metadata`, which says that its tokens are not known.
LogBody = UsageRecord


class LogAnswer(Wire):
    """A call that is noted.

    :param cost: dollars; None where it is not known.
    """

    log_id: UUID
    cost: Dollars | None
    timestamp: Moment


class LogBatch(Wire):
    """Calls to be noted, all or none."""

    records: list[UsageRecord] = Field(min_length=1, max_length=MAX_LOGS)


class LogBatchAnswer(Wire):
    """Calls that are noted, in the order of the request."""

    logs: list[LogAnswer]


class LogRow(UsageRecord):
    """A call, as lists of logs have it.

    :param logged_at: the same as `timestamp`.
    """

    logged_at: Moment


class Stats(Wire):
    """Calls together: all of them, and by what they share."""

    summary: UsageTotals
    by_day: list[UsageTotals]
    by_model: list[UsageTotals]
    by_origin: list[UsageTotals]
    by_alias: list[UsageTotals]
