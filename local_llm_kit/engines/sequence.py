"""One request while it is generated: its tokens, its sampler, its text."""

from __future__ import annotations

from LLM.exceptions import LLMError
from local_llm_kit.engines.slots import NO_SLOT, Slot
from local_llm_kit.engines.protocol import (
    Delta,
    Event,
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    Sink,
    TokenScore,
)
from local_llm_kit.engines.compute import Row
from local_llm_kit.engines.sampling import Sampler, log_probabilities
from local_llm_kit.engines.text import TextStream


class Sequence:
    """State of a request from submission to its last event.

    :param request: what to generate.
    :param sink: who takes the events.
    :param limit: most tokens to generate.

    :ivar tokens: prompt and output; the last one may not be in the cache yet.
    :ivar slot: the slot it holds; `NO_SLOT` while it waits.
    :ivar n_cached: tokens of the prompt that were found in the cache at first placement.
    :ivar ended: its last event was made.
    """

    __slots__ = (
        "ended",
        "limit",
        "n_cached",
        "n_prompt",
        "request",
        "sampler",
        "sink",
        "slot",
        "text",
        "tokens",
        "_scores",
    )

    def __init__(self, request: GenerationRequest, sink: Sink, limit: int) -> None:
        self.request = request
        self.sink = sink
        self.limit = limit
        self.tokens = list(request.prompt)
        self.n_prompt = len(self.tokens)
        self.sampler = Sampler(request.sampling, self.tokens)
        self.text = TextStream(request.stop)
        self.slot: Slot = NO_SLOT
        self.n_cached: int | None = None
        self.ended = False
        self._scores: list[TokenScore] = []

    @property
    def n_generated(self) -> int:
        """Tokens generated so far."""
        return len(self.tokens) - self.n_prompt

    def accept(self, token: int, pieces: list[bytes], row: Row | None) -> str:
        """Add a generated token; text that can be sent now.

        :param pieces: bytes of every token of the vocabulary.
        :param row: the token's logits, when log probabilities are wanted.
        """
        self.tokens.append(token)
        if row is not None:
            logprob, top = log_probabilities(row, token, self.request.sampling.n_logprobs or 0)
            self._scores.append(
                TokenScore(pieces[token], logprob, tuple((pieces[i], value) for i, value in top))
            )
        return self.text.feed(pieces[token])

    def delta(self, text: str) -> Delta:
        """`text` with the scores held back until it came."""
        if not self._scores:
            return Delta(self.request.tag, text)
        scores, self._scores = tuple(self._scores), []
        return Delta(self.request.tag, text, scores)

    def finish(self, reason: FinishReason) -> list[Event]:
        """The last events: what was held back, unless a stop string cut it, and the end."""
        self.ended = True
        events: list[Event] = []
        if reason != "cancelled" and not self.text.stopped:
            rest = self.text.flush()
            if self.text.stopped:
                reason = "stop"
            if rest or self._scores:
                events.append(self.delta(rest))
        events.append(
            Finished(self.request.tag, reason, self.n_prompt, self.n_generated, self.n_cached or 0)
        )
        return events

    def fail(self, error: LLMError) -> list[Event]:
        """The last event of a request that cannot go on."""
        self.ended = True
        return [Failed(self.request.tag, error)]
