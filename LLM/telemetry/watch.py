"""A stream that is timed, chunk by chunk, and whose call ends when it ends, is left or is dropped.

Plain iterators around the stream's own: no generator, so that no context is left changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from LLM.telemetry.failures import harmless

if TYPE_CHECKING:
    from LLM.telemetry.answers import Told
    from LLM.telemetry.call_span import CallSpan

ItemT = TypeVar("ItemT")


class Watch:
    """The rest of a call whose answer is streamed.

    :param span: the call's.
    :param told: gives the answer as far as it has arrived.
    :param counts: says whether an item is a chunk of the answer; None for all.
    """

    def __init__(
        self,
        span: CallSpan,
        told: Callable[[], Told],
        counts: Callable[[Any], bool] | None = None,
    ) -> None:
        self._span = span
        self._told = told
        self._counts = counts

    def items(self, items: Iterator[ItemT]) -> Iterator[ItemT]:
        """The stream's items, timed."""
        return _Items(self, items)

    def async_items(self, items: AsyncIterator[ItemT]) -> AsyncIterator[ItemT]:
        """The twin of `items`."""
        return _AsyncItems(self, items)

    def arrived(self, item: Any) -> None:
        """An item is here."""
        if self._counts is None or self._counts(item):
            self._span.chunk(item)

    @harmless(None)
    def failed(self, error: BaseException) -> None:
        """The stream ended with an error."""
        if not self._span.ended:
            self._span.failed(error, self._told())

    @harmless(None)
    def left(self) -> None:
        """The stream is over, or no longer wanted. Repeatable; safe in a destructor."""
        if not self._span.ended:
            self._span.left(self._told())


class _Items(Generic[ItemT]):
    def __init__(self, watch: Watch, items: Iterator[ItemT]) -> None:
        self._watch = watch
        self._items = items

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ItemT:
        try:
            item = next(self._items)
        except StopIteration:
            raise
        except BaseException as err:
            self._watch.failed(err)
            raise
        self._watch.arrived(item)
        return item


class _AsyncItems(Generic[ItemT]):
    def __init__(self, watch: Watch, items: AsyncIterator[ItemT]) -> None:
        self._watch = watch
        self._items = items

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ItemT:
        try:
            item = await anext(self._items)
        except StopAsyncIteration:
            raise
        except BaseException as err:
            self._watch.failed(err)
            raise
        self._watch.arrived(item)
        return item
