"""The transcript as a layer before the network: it looks on and changes nothing."""

from __future__ import annotations

import asyncio
from typing import Self

from LLM import overhearing, wire
from LLM.answer import Answer
from LLM.transcript import exchange as exchanges
from LLM.transcript.exchange import Exchange
from LLM.transcript.output import Output, open_output
from LLM.wire import (
    AsyncSend,
    AsyncSendStream,
    AsyncStreamedWire,
    Send,
    SendStream,
    StreamedWire,
    WireRequest,
)


class Transcript:
    """Writes down every request of this process, and what becomes of it.

    :param output: where it is written.
    """

    def __init__(self, output: Output) -> None:
        self.output = output

    @classmethod
    def begin(cls, setting: str) -> Self:
        """Write down all requests from now on, those to models in this process included.

        :param setting: as in `open_output`.
        :raises LLMConfigError: nothing can be written there.
        """
        begun = cls(open_output(setting))
        # Outermost: what a cassette answers is told, too.
        for add in (wire.add_layer, wire.in_process.add):
            add(begun, outermost=True)
        return begun

    def end(self) -> None:
        """Write nothing more. Requests under way end untold."""
        for remove in (wire.remove_layer, wire.in_process.remove):
            remove(self)
        self.output.close()

    def note(self, text: str, *, of_last: bool = False) -> None:
        """Write a remark.

        :param of_last: it is about the request that this thread or task has sent last.
        """
        exchanges.note(self.output, text, of_last=of_last)

    def call(self, request: WireRequest, send: Send) -> Answer:
        """See `LLM.wire.Layer`."""
        return overhearing.call(Exchange.of(request, self.output), send)

    def stream(self, request: WireRequest, send: SendStream) -> Answer | StreamedWire:
        """See `LLM.wire.Layer`."""
        return overhearing.stream(Exchange.of(request, self.output), send)

    async def call_async(self, request: WireRequest, send: AsyncSend) -> Answer:
        """See `LLM.wire.Layer`."""
        exchange = Exchange.of(request, self.output, _task_name())
        return await overhearing.call_async(exchange, send)

    async def stream_async(
        self, request: WireRequest, send: AsyncSendStream
    ) -> Answer | AsyncStreamedWire:
        """See `LLM.wire.Layer`."""
        exchange = Exchange.of(request, self.output, _task_name())
        return await overhearing.stream_async(exchange, send)


def _task_name() -> str | None:
    task = asyncio.current_task()
    return None if task is None else task.get_name()
