"""One request while it is generated: its tokens, its sampler, its text."""

from __future__ import annotations

import time

import numpy as np

from LLM.exceptions import LLMError
from local_llm_kit.engines.compute import Row
from local_llm_kit.engines.protocol import (
    Delta,
    Event,
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    PromptScores,
    Sink,
    Timings,
    TokenScore,
)
from local_llm_kit.engines.sampling import Sampler, log_probabilities
from local_llm_kit.engines.slots import NO_SLOT, Slot
from local_llm_kit.engines.text import TextStream

_NEVER = np.float32(-np.inf)


class Sequence:
    """State of a request from submission to its last event.

    :param request: what to generate.
    :param sink: who takes the events.
    :param limit: most tokens to generate.

    :ivar tokens: prompt and output; the last ones may not be in the cache yet.
    :ivar slot: the slot it holds; `NO_SLOT` while it waits.
    :ivar n_cached: tokens of the prompt that were found in the cache at first placement.
    :ivar matcher: follows the request's grammar; None when it is free.
    :ivar greedy: each token is the likeliest one and nothing else is told of its logits.
    :ivar to_score: place of the next token of the prompt whose score is wanted.
    :ivar placed_at: when it first got a slot, in `time.perf_counter`'s seconds; None before.
    :ivar heard: its first event was made.
    :ivar ended: its last event was made.
    """

    __slots__ = (
        "ended",
        "greedy",
        "heard",
        "limit",
        "matcher",
        "n_cached",
        "n_prompt",
        "placed_at",
        "request",
        "sampler",
        "sink",
        "slot",
        "text",
        "to_score",
        "tokens",
        "_first_at",
        "_made_at",
        "_prompt_scores",
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
        self.matcher = request.constraint.matcher() if request.constraint else None
        wanted = request.score_from
        self.to_score = self.n_prompt if wanted is None else min(max(wanted, 1), self.n_prompt)
        self.greedy = (
            self.sampler.plain
            and self.matcher is None
            and wanted is None
            and request.sampling.n_logprobs is None
        )
        self.heard = False
        self.ended = False
        self.placed_at: float | None = None
        self._made_at = time.perf_counter()
        self._first_at: float | None = None
        self._scores: list[TokenScore] = []
        self._prompt_scores: list[TokenScore] | None = None if wanted is None else []

    @property
    def n_generated(self) -> int:
        """Tokens generated so far."""
        return len(self.tokens) - self.n_prompt

    @property
    def n_left(self) -> int:
        """Tokens that are not in the cache yet; at least one while it runs."""
        return len(self.tokens) - self.slot.n_cached

    @property
    def most_shared(self) -> int | None:
        """How many tokens it may take from the cache; None for all but the last."""
        return None if self.to_score == self.n_prompt else self.to_score - 1

    def choose(self, row: Row) -> int:
        """The next token, of those that the grammar allows."""
        if self.matcher is None:
            return self.sampler.pick(row)
        return self.sampler.pick(np.where(self.matcher.allowed(), row, _NEVER))

    def accept(self, token: int, pieces: list[bytes], row: Row | None = None) -> str:
        """Add a generated token; text that can be sent now.

        :param pieces: bytes of every token of the vocabulary.
        :param row: the token's logits, when log probabilities are wanted.
        """
        self.tokens.append(token)
        if self._first_at is None:
            self._first_at = time.perf_counter()
        if row is not None:
            n_top = self.request.sampling.n_logprobs or 0
            self._scores.append(_score(row, token, n_top, pieces))
        return self.text.feed(pieces[token])

    def score_prompt(self, row: Row, pieces: list[bytes]) -> None:
        """Note the score of the next token of the prompt, from the logits before it."""
        assert self._prompt_scores is not None
        token, n_top = self.tokens[self.to_score], self.request.sampling.n_logprobs or 0
        self._prompt_scores.append(_score(row, token, n_top, pieces))
        self.to_score += 1

    def take_prompt_scores(self) -> list[Event]:
        """The scores of the prompt, once, if they were wanted."""
        if self._prompt_scores is None:
            return []
        scores, self._prompt_scores = tuple(self._prompt_scores), None
        return [PromptScores(self.request.tag, scores)]

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
        if reason != "cancelled" and not self.text.met:
            rest = self.text.flush()
            if self.text.met:
                reason = "stop"
            if rest or self._scores:
                events.append(self.delta(rest))
        tag, n_cached = self.request.tag, self.n_cached or 0
        stop = self.text.met if reason == "stop" else None
        counts = (self.n_prompt, self.n_generated, n_cached)
        events.append(Finished(tag, reason, *counts, stop, self._timings()))
        return events

    def _timings(self) -> Timings:
        """Where the time went until now."""
        now = time.perf_counter()
        first_at = now if self._first_at is None else self._first_at
        placed_at = first_at if self.placed_at is None else self.placed_at
        return Timings(placed_at - self._made_at, first_at - placed_at, now - first_at)

    def fail(self, error: LLMError) -> list[Event]:
        """The last event of a request that cannot go on."""
        self.ended = True
        return [Failed(self.request.tag, error)]


def _score(row: Row, token: int, n_top: int, pieces: list[bytes]) -> TokenScore:
    logprob, top = log_probabilities(row, token, n_top)
    return TokenScore(pieces[token], logprob, tuple((pieces[i], value) for i, value in top))
