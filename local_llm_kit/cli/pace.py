"""How fast an answer comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from LLM.streaming import ChatStream

#: Pieces of a fast model come once a frame: less time than some frames tells no rate.
_SHORT_S = 0.25


@dataclass(slots=True)
class Pace:
    """Times of one streamed answer, in seconds from when it was asked for.

    :param clock: seconds, monotonic.
    :param first_s: until its first piece; None until there is one.
    :param last_s: until its newest piece.
    :param end_s: until its end; None before it.
    :param n_tokens: tokens of the answer, once it has ended and told.
    :param n_prompt: tokens of the prompt.
    :param n_cached: those of them that were not read again.
    """

    clock: Callable[[], float] = time.perf_counter
    first_s: float | None = None
    last_s: float = 0.0
    end_s: float | None = None
    n_tokens: int | None = None
    n_prompt: int = 0
    n_cached: int = 0
    _start: float = field(init=False)

    def __post_init__(self) -> None:
        self._start = self.clock()

    def pieces(self, stream: ChatStream) -> Iterator[tuple[bool, str]]:
        """The stream's pieces of text, each with whether it is a thought and not the answer."""
        for chunk in stream:
            for choice in chunk.choices:
                thought = (choice.delta.model_extra or {}).get("reasoning_content")
                for is_thought, text in ((True, thought), (False, choice.delta.content)):
                    if isinstance(text, str) and text:
                        self._mark()
                        yield is_thought, text
        self.end_s = self.clock() - self._start
        self._count(stream)

    def _mark(self) -> None:
        self.last_s = self.clock() - self._start
        if self.first_s is None:
            self.first_s = self.last_s

    def _count(self, stream: ChatStream) -> None:
        usage = stream.response.usage
        if usage is not None:
            self.n_tokens, self.n_prompt = usage.completion_tokens, usage.prompt_tokens
            details = usage.prompt_tokens_details
            self.n_cached = (details.cached_tokens if details else None) or 0

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens a second after the first piece; None of an answer without text.

        Of a short answer, whose tokens come in few pieces, it is that of the whole time: rather too
        low than as fast as a pipe.
        """
        if not self.n_tokens or self.first_s is None:
            return None
        elapsed_s = self.last_s - self.first_s
        if elapsed_s < _SHORT_S:
            return self.n_tokens / self.last_s
        return (self.n_tokens - 1) / elapsed_s

    def __str__(self) -> str:
        parts = []
        if self.n_tokens is not None:
            parts.append(f"{self.n_tokens:,} token{'s' * (self.n_tokens != 1)}")
        if self.tokens_per_s is not None:
            parts.append(f"{self.tokens_per_s:,.0f} tokens/s")
        if self.first_s is not None:
            parts.append(f"{self.first_s:.2f} s to the first")
        return " · ".join(parts)
