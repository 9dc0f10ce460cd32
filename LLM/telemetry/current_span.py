"""A span that is the current one in a block: what spans of calls and of work have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextvars import Token
from typing import TYPE_CHECKING, Self

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

if TYPE_CHECKING:
    from LLM.telemetry.recorder import Recorder


class CurrentSpan(ABC):
    """A context manager, in whose block the span is the current one.

    :param recorder: the providers that were given.
    """

    __slots__ = ("_context", "_ended", "_recorder", "_span", "_token")

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        #: Records nothing where none could be started.
        self._span: Span = trace.INVALID_SPAN
        self._context = otel_context.get_current()
        self._token: Token[Context] | None = None
        self._ended = False

    def __enter__(self) -> Self:
        self._token = otel_context.attach(self._context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if self._token is not None:
            otel_context.detach(self._token)
            self._token = None
        self._leave(error)

    @abstractmethod
    def _leave(self, error: BaseException | None) -> None:
        """The block has ended.

        :param error: that it ended with; None for well.
        """
