"""Speculation: tokens guessed ahead, computed in one batch, kept as far as they are right.

Every guess is held against what the sampler picks from the model's own logits, so the text is the
same as without; a right guess saves a step. It pays where a step of several rows costs little more
than one of one row: on a GPU, and for weights that the CPU reads from memory once a step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence as SequenceOf
from typing import Protocol

from local_llm_kit.engines.compute import Interrupted, OutOfCache, Runner
from local_llm_kit.engines.sequence import Sequence
from local_llm_kit.engines.slots import common_prefix

#: Most tokens guessed at once: with the last token these are sixteen rows, one unit of a kernel.
MAX_DRAFT = 15
_FIRST_DRAFT = 4
_NGRAM = 3
#: Tokens generated without a guess after guesses have failed.
_REST = 16


class Drafter(Protocol):
    """Guesses what comes next."""

    def propose(self, wanted: SequenceOf[tuple[Sequence, int]]) -> list[list[int]]:
        """For each sequence at most so many tokens that may follow its last one."""

    def release(self, sequence: Sequence) -> None:
        """Forget what is kept for a sequence that gives its slot back."""

    def free(self) -> None:
        """Give memory back."""


class Pace:
    """How many tokens to guess for each sequence: more where guesses are right."""

    def __init__(self) -> None:
        self._lengths: dict[Sequence, int] = {}
        self._resting: dict[Sequence, int] = {}

    def length(self, sequence: Sequence) -> int:
        """Tokens to guess now; 0 while it rests from guesses that failed."""
        if sequence.n_generated < self._resting.get(sequence, 0):
            return 0
        room = sequence.limit - sequence.n_generated - 1
        return max(0, min(self._lengths.get(sequence, _FIRST_DRAFT), room))

    def learn(self, sequence: Sequence, n_drafted: int, n_right: int) -> None:
        """Note how many of the guesses were right."""
        length = self._lengths.get(sequence, _FIRST_DRAFT)
        if n_right == n_drafted:
            length = min(2 * length, MAX_DRAFT)
        elif n_right == 0:
            length //= 2
        if length == 0:
            self._resting[sequence] = sequence.n_generated + _REST
            length = _FIRST_DRAFT // 2
        self._lengths[sequence] = length

    def forget(self, sequence: Sequence) -> None:
        """Drop what is known of a sequence that gives its slot back."""
        self._lengths.pop(sequence, None)
        self._resting.pop(sequence, None)


class PromptLookup:
    """Guesses that what followed the last three tokens before follows them again.

    Costs nothing, and is often right where an answer quotes its prompt: edits, summaries, code.
    Source: https://github.com/apoorvumang/prompt-lookup-decoding
    """

    def __init__(self) -> None:
        self._seen: dict[Sequence, dict[tuple[int, ...], int]] = {}
        self._n_indexed: dict[Sequence, int] = {}

    def propose(self, wanted: SequenceOf[tuple[Sequence, int]]) -> list[list[int]]:
        """What followed the last three tokens where they stood before."""
        return [self._look_up(sequence, n) for sequence, n in wanted]

    def _look_up(self, sequence: Sequence, n: int) -> list[int]:
        tokens = sequence.tokens
        seen = self._seen.setdefault(sequence, {})
        # The last three themselves are not indexed: they would be found instead of what is before.
        for end in range(self._n_indexed.get(sequence, _NGRAM), len(tokens)):
            seen[tuple(tokens[end - _NGRAM : end])] = end
        self._n_indexed[sequence] = max(len(tokens), _NGRAM)
        place = seen.get(tuple(tokens[-_NGRAM:]))
        return [] if place is None else tokens[place : place + n]

    def release(self, sequence: Sequence) -> None:
        """Forget a sequence's index."""
        self._seen.pop(sequence, None)
        self._n_indexed.pop(sequence, None)

    def free(self) -> None:
        """Drop all indexes."""
        self._seen.clear()
        self._n_indexed.clear()


class DraftModel:
    """Guesses with a smaller model of the same vocabulary, greedily.

    :param runner: owned; its sequence ids are those of the model's slots.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._cached: dict[int, list[int]] = {}
        self._too_long: set[Sequence] = set()

    def propose(self, wanted: SequenceOf[tuple[Sequence, int]]) -> list[list[int]]:
        """What the small model would say; nothing for a text that its cache cannot hold."""
        drafts: list[list[int]] = [[] for _ in wanted]
        busy = {sequence.slot.id for sequence, _ in wanted}
        # What a computation that fails leaves behind is dropped when its text is read on.
        with contextlib.suppress(OutOfCache, Interrupted):
            tokens = [self._first(sequence, busy) if n else None for sequence, n in wanted]
            lengths = [
                0 if token is None else n for token, (_, n) in zip(tokens, wanted, strict=True)
            ]
            for step in range(max(lengths, default=0)):
                if step:
                    tokens = self._step(wanted, drafts, step)
                for draft, token in zip(drafts, tokens, strict=True):
                    if token is not None:
                        draft.append(token)
        return drafts

    def _first(self, sequence: Sequence, busy: set[int]) -> int | None:
        """The first guess; None for a text that has no room beside those of `busy` slots."""
        while sequence not in self._too_long:
            try:
                return self._read(sequence)
            except OutOfCache:
                idle = self._cached.keys() - busy
                if not idle:  # tried again at each step, it would be read again each time
                    self._too_long.add(sequence)
                    idle = {sequence.slot.id}
                for slot in idle:
                    self._runner.forget(slot)
                    del self._cached[slot]
        return None

    def _read(self, sequence: Sequence) -> int:
        """Bring the small model to the end of the text; its next token."""
        runner, slot = self._runner, sequence.slot.id
        cached = self._cached.get(slot, [])
        n = common_prefix(cached, sequence.tokens, len(sequence.tokens) - 1)
        runner.forget(slot, n)
        self._cached[slot] = sequence.tokens[:n]
        while n < len(sequence.tokens):
            piece = sequence.tokens[n : n + runner.batch.n_rows]
            end = runner.batch.write(0, piece, n, slot)
            runner.batch.wanted[end - 1] = 1
            runner.decode(0, end)
            n += len(piece)
            self._cached[slot] = sequence.tokens[:n]
        return runner.likeliest(1)[0][0]

    def _step(
        self, wanted: SequenceOf[tuple[Sequence, int]], drafts: list[list[int]], step: int
    ) -> list[int | None]:
        """One more token for each draft that is not long enough."""
        batch = self._runner.batch
        going = [i for i, (_, n) in enumerate(wanted) if n > step and drafts[i]]
        for row, i in enumerate(going):
            sequence = wanted[i][0]
            position = len(sequence.tokens) + step - 1
            batch.write(row, drafts[i][-1:], position, sequence.slot.id)
            batch.wanted[row] = 1
        self._runner.decode(0, len(going))
        tokens: list[int | None] = [None] * len(wanted)
        for i, token in zip(going, self._runner.likeliest(len(going))[0], strict=True):
            self._cached[wanted[i][0].slot.id].append(drafts[i][-1])
            tokens[i] = token
        return tokens

    def release(self, sequence: Sequence) -> None:
        """The text stays for the next that begins alike in the same slot."""
        self._too_long.discard(sequence)

    def free(self) -> None:
        """Give the small model back."""
        self._runner.free()
