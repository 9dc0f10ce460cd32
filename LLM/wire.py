"""What may stand between every transport of this process and the network.

A layer sees each request before it is sent and the answer as it comes back, and may answer in the
network's place: cassettes do, transcripts only look on. Blocking and async transports go through
the same layers, outermost first; without any, a request costs one look at an empty tuple.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from LLM.answer import Answer
from LLM.reading import AsyncStreamedBytes, StreamedBytes
from LLM.upload import StreamedBody


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as it is about to be sent: one try of a call.

    :param url: the whole address.
    :param headers: those of every request of the client, credentials included: they print as a
        mask, but their text is the key's (see `LLM.secrets.Secret`).
    :param body: as it is sent; None for a request without one.
    :param timeout_s: seconds for the whole answer, or for each gap of one that is streamed.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | StreamedBody | None = field(repr=False)
    timeout_s: float


class StreamedWire(StreamedBytes, Protocol):
    """An answer that comes bit by bit: `LLM.transport.StreamedAnswer`, or what stands for one."""

    status: int
    headers: Mapping[str, str]

    def close(self) -> None:
        """End it, wherever it is. Safe to call again, and from any thread."""
        ...


class AsyncStreamedWire(AsyncStreamedBytes, Protocol):
    """The twin of `StreamedWire`: `LLM.async_transport.AsyncStreamedAnswer`, or its stand-in."""

    status: int
    headers: Mapping[str, str]

    def close(self) -> None:
        """End it, wherever it is. Safe to call again, and from any thread."""
        ...


Send = Callable[[], Answer]
SendStream = Callable[[], Answer | StreamedWire]
AsyncSend = Callable[[], Awaitable[Answer]]
AsyncSendStream = Callable[[], Awaitable[Answer | AsyncStreamedWire]]


class Layer(Protocol):
    """Stands between the transports and the network. Must be safe for many threads and loops.

    `send` goes on towards the network; a layer that does not call it answers by itself. What it
    raises is taken for what sending has raised, so it must be an `LLMError`.
    """

    def call(self, request: WireRequest, send: Send) -> Answer:
        """A request whose answer comes whole."""
        ...

    def stream(self, request: WireRequest, send: SendStream) -> Answer | StreamedWire:
        """A request whose answer is streamed; whole where its status is not 2xx."""
        ...

    async def call_async(self, request: WireRequest, send: AsyncSend) -> Answer:
        """The twin of `call`."""
        ...

    async def stream_async(
        self, request: WireRequest, send: AsyncSendStream
    ) -> Answer | AsyncStreamedWire:
        """The twin of `stream`."""
        ...


class Layers:
    """The layers of one kind of call, in their order. Safe for many threads and loops."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._layers: tuple[Layer, ...] = ()
        self._answering: tuple[tuple[Layer, float, bool], ...] = ()

    def now(self) -> tuple[Layer, ...]:
        """The layers that requests go through now, outermost first."""
        return self._layers

    def add(
        self,
        layer: Layer,
        *,
        outermost: bool = False,
        pace: float | None = None,
        alone: bool = False,
    ) -> None:
        """Have all requests from now on go through `layer`, next to the end unless `outermost`.

        :param pace: of a layer that may answer by itself, so that what is behind it is not to be
            made ready before it is asked: how much of the pauses between tries is to be waited,
            0 or more. None for one that does not.
        :param alone: it answers all requests, or refuses them.
        """
        with self._lock:
            self._layers = (layer, *self._layers) if outermost else (*self._layers, layer)
            if pace is not None:
                self._answering += ((layer, pace, alone),)

    def remove(self, layer: Layer) -> None:
        """Take a layer out; nothing happens when it is not there. Requests under way keep it."""
        with self._lock:
            self._layers = tuple(other for other in self._layers if other is not layer)
            self._answering = tuple(one for one in self._answering if one[0] is not layer)

    @property
    def may_answer(self) -> bool:
        """Whether a layer may answer by itself."""
        return bool(self._answering)

    @property
    def answers_alone(self) -> bool:
        """Whether nothing behind the layers is asked."""
        return any(alone for _, _, alone in self._answering)

    def pause_s(self, seconds: float) -> float:
        """How much of a pause between two tries is to be waited.

        Where a layer replays what was recorded, nobody has to be given time.
        """
        for _, pace, _ in self._answering:
            seconds *= pace
        return seconds

    def call(self, request: WireRequest, send: Send) -> Answer:
        """Send through the layers a request whose answer comes whole."""
        for layer in reversed(self._layers):
            send = partial(layer.call, request, send)
        return send()

    def stream(self, request: WireRequest, send: SendStream) -> Answer | StreamedWire:
        """Send through the layers a request whose answer is streamed."""
        for layer in reversed(self._layers):
            send = partial(layer.stream, request, send)
        return send()

    async def call_async(self, request: WireRequest, send: AsyncSend) -> Answer:
        """The twin of `call`."""
        for layer in reversed(self._layers):
            send = partial(layer.call_async, request, send)
        return await send()

    async def stream_async(
        self, request: WireRequest, send: AsyncSendStream
    ) -> Answer | AsyncStreamedWire:
        """The twin of `stream`."""
        for layer in reversed(self._layers):
            send = partial(layer.stream_async, request, send)
        return await send()


_network = Layers()
layers, add_layer, remove_layer = _network.now, _network.add, _network.remove
call, stream = _network.call, _network.stream
call_async, stream_async = _network.call_async, _network.stream_async
pause_s = _network.pause_s

#: What stands between callers and the models of this process, whose packages look here before they
#: load or compute anything. A request's address is ``local:`` and a path, its body OpenAI's fields.
in_process = Layers()
