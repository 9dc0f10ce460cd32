"""The usage log of calls, written in the background."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from llmring import background
from llmring.conversations.background_notes import BackgroundNotes, in_thread

if TYPE_CHECKING:
    from llmring.conversations.protocol import UsageSink
    from llmring.conversations.types import UsageRecord

#: Most calls that wait to be written; further ones are left out.
MAX_WAITING = 10_000
#: Calls that are written in one transaction.
BATCH = 500


class _Call(NamedTuple):
    """A call, as it was noted.

    :param moment: seconds since the epoch.
    :param model: ``provider:model``.
    """

    moment: float
    model: str
    usage: dict[str, Any]
    alias: str | None
    profile: str | None
    metadata: dict[str, Any]


class UsageLog:
    """A usage log that is written in the background. Threads and tasks may share it.

    :param open_sink: gives where it is written, when there is something to write; in a thread of
        its own, since loading a database takes long.
    :param origin: who calls.
    :param price: puts the cost into the usage of a ``provider:model``, in the background; None
        where it is in there already.
    """

    def __init__(
        self,
        open_sink: Callable[[], UsageSink],
        origin: str,
        price: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self._price = price
        self._open_sink = open_sink
        self._origin = origin
        self._sink: UsageSink | None = None
        self.notes: BackgroundNotes[_Call, UsageRecord] = BackgroundNotes(
            self._record, self._write, "calls", MAX_WAITING, BATCH
        )

    def call(
        self,
        model: str,
        usage: Mapping[str, Any] | None,
        *,
        alias: str | None = None,
        profile: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Note a call that was made. Takes microseconds and never raises.

        :param model: ``provider:model``.
        :param usage: as `LLMResponse.usage`.
        :param alias: what was asked; a model by its own name is no alias.
        :param metadata: further facts; ``id_at_origin`` and ``conversation_id`` in it go into the
            fields of that name.
        """
        # Copies: the caller may go on to change its own.
        told, facts = dict(usage or {}), dict(metadata or {})
        self.notes.add(_Call(time.time(), model, told, alias, profile, facts))

    async def flush(self, timeout_s: float = 5.0) -> bool:
        """Have all written now. :return: whether it is."""
        return await self.notes.flush(timeout_s)

    async def close(self) -> None:
        """Write what waits, and close where it went. Repeatable."""
        await self.notes.close()
        sink, self._sink = self._sink, None
        if sink is not None:
            # What belongs to a loop belongs to that in which it was used.
            await background.awaited(sink.close())

    async def _write(self, records: list[UsageRecord]) -> None:
        if self._sink is None:
            self._sink = await in_thread(self._open_sink)
        await self._sink.add_usage(records)

    def _record(self, call: _Call) -> UsageRecord:
        if self._price is not None and call.usage:
            call = call._replace(usage=self._price(call.model, call.usage))
        return _record_of(call, self._origin)


def _record_of(call: _Call, origin: str) -> UsageRecord:
    from datetime import UTC, datetime

    from llmring.conversations.types import UsageRecord

    provider, _, own_name = call.model.partition(":")
    told, facts = call.usage, plain(call.metadata)
    known = {name: facts.pop(name, None) for name in ("id_at_origin", "conversation_id")}
    if told.get("cost_status") not in (None, "priced"):
        facts["cost_status"] = told["cost_status"]
    return UsageRecord(
        timestamp=datetime.fromtimestamp(call.moment, UTC),
        model=own_name,
        provider=provider,
        input_tokens=told.get("prompt_tokens") or 0,
        output_tokens=told.get("completion_tokens") or 0,
        cached_input_tokens=told.get("cached_tokens") or 0,
        cost=told.get("cost"),
        origin=origin,
        alias=None if call.alias == call.model else call.alias,
        profile=call.profile,
        metadata=facts,
        **known,
    )


def plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A caller's facts as JSON can say them: what it cannot is told by its text."""
    text = json.dumps(facts, default=str, skipkeys=True)
    # NaN and infinity, which Python writes, are no JSON.
    told: dict[str, Any] = json.loads(text, parse_constant=str)
    return told
