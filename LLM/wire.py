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


_lock = threading.Lock()
_layers: tuple[Layer, ...] = ()


def layers() -> tuple[Layer, ...]:
    """The layers that requests go through now, outermost first."""
    return _layers


def add_layer(layer: Layer, *, outermost: bool = False) -> None:
    """Have all requests from now on go through `layer`, next to the network unless `outermost`."""
    global _layers
    with _lock:
        _layers = (layer, *_layers) if outermost else (*_layers, layer)


def remove_layer(layer: Layer) -> None:
    """Take a layer out; nothing happens when it is not there. Requests under way keep it."""
    global _layers
    with _lock:
        _layers = tuple(other for other in _layers if other is not layer)


def call(request: WireRequest, send: Send) -> Answer:
    """Send through the layers a request whose answer comes whole."""
    for layer in reversed(_layers):
        send = partial(layer.call, request, send)
    return send()


def stream(request: WireRequest, send: SendStream) -> Answer | StreamedWire:
    """Send through the layers a request whose answer is streamed."""
    for layer in reversed(_layers):
        send = partial(layer.stream, request, send)
    return send()


async def call_async(request: WireRequest, send: AsyncSend) -> Answer:
    """The twin of `call`."""
    for layer in reversed(_layers):
        send = partial(layer.call_async, request, send)
    return await send()


async def stream_async(request: WireRequest, send: AsyncSendStream) -> Answer | AsyncStreamedWire:
    """The twin of `stream`."""
    for layer in reversed(_layers):
        send = partial(layer.stream_async, request, send)
    return await send()
