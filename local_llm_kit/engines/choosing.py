"""From a step's logits to tokens: what each sequence says next, and whether it goes on."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass

from LLM.exceptions import LLMError
from local_llm_kit.engines.compute import Row, Runner, Vocabulary
from local_llm_kit.engines.inbox import as_llm_error
from local_llm_kit.engines.protocol import Event, FinishReason
from local_llm_kit.engines.sequence import Sequence


@dataclass(slots=True)
class Part:
    """A sequence's rows in a step.

    :param sequence: whose.
    :param n_rows: how many.
    :param n_wanted: how many of them, the last ones, give logits.
    :param draft: guesses, fed as the last rows.
    :param reading: it is still reading its prompt, or tokens that its grammar forced.
    """

    sequence: Sequence
    n_rows: int
    n_wanted: int
    draft: SequenceOf[int] = ()
    reading: bool = False


class Chooser:
    """Chooses tokens, spells them, and tells the scheduler what came of it.

    :param emit: takes a sequence's next event.
    :param end: takes a sequence that is complete or failed.
    :param learn: takes how many of a sequence's guesses were right.
    :ivar n_chosen: tokens generated since the start.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        runner: Runner,
        *,
        emit: Callable[[Sequence, Event], None],
        end: Callable[[Sequence, FinishReason | LLMError], None],
        learn: Callable[[Sequence, int, int], None],
    ) -> None:
        self._pieces = vocabulary.pieces
        self._ends = vocabulary.ends
        self._runner = runner
        self._emit = emit
        self._end = end
        self._learn = learn
        self.n_chosen = 0

    def choose(self, parts: SequenceOf[Part]) -> None:
        """Go on with each sequence that has logits in the batch just computed."""
        n_rows = 0
        any_greedy, all_greedy = False, True
        for part in parts:
            n_rows += part.n_wanted
            if part.n_wanted:
                greedy = part.sequence.greedy
                any_greedy |= greedy
                all_greedy &= greedy
        if not n_rows:
            return
        tokens, peaks = self._runner.likeliest(n_rows) if any_greedy else ([], [])
        logits = None if all_greedy else self._runner.logits(n_rows)
        start = 0
        for part in parts:
            end = start + part.n_wanted
            if start == end:
                continue
            sequence = part.sequence
            try:
                if sequence.greedy and not part.draft and math.isfinite(peaks[start]):
                    self._say(sequence, tokens[start], None)  # the common case, quickly
                elif sequence.greedy and all(map(math.isfinite, peaks[start:end])):
                    self._follow(part, tokens[start:end].__getitem__)
                else:
                    rows = self._runner.logits(n_rows) if logits is None else logits
                    self._choose_one(part, rows[start:end])
            except Exception as err:  # a grammar's fault is that request's alone
                if sequence.ended:
                    raise
                self._end(sequence, as_llm_error(err))
            start = end

    def _choose_one(self, part: Part, rows: Row) -> None:
        """Choose for a sequence that needs its logits, once its prompt is scored."""
        sequence = part.sequence
        n_scored = 0
        while sequence.to_score < sequence.n_prompt and n_scored < len(rows):
            sequence.score_prompt(rows[n_scored], self._pieces)
            n_scored += 1
        if n_scored == len(rows):
            return
        for event in sequence.take_prompt_scores():
            self._emit(sequence, event)
        if sequence.limit == 0:
            self._end(sequence, "length")
            return
        rows = rows[n_scored:]
        scored = sequence.request.sampling.n_logprobs is not None
        self._follow(part, lambda i: sequence.choose(rows[i]), rows if scored else None)

    def _follow(self, part: Part, pick: Callable[[int], int], scored: Row | None = None) -> None:
        """Take the next token, and one more for each guess that was right.

        :param pick: the token of each row.
        :param scored: the rows, if log probabilities are wanted.
        """
        sequence, slot = part.sequence, part.sequence.slot
        n_right = 0
        while True:
            token = pick(n_right)
            if not self._take(sequence, token, None if scored is None else scored[n_right]):
                break
            if n_right == len(part.draft) or part.draft[n_right] != token:
                break
            n_right += 1
            slot.n_cached += 1
        if part.draft:
            self._runner.forget(slot.id, slot.n_cached)
            if not sequence.ended:
                self._learn(sequence, len(part.draft), n_right)

    def _take(self, sequence: Sequence, token: int, row: Row | None) -> bool:
        """Add a token, and those that the grammar forces after it; whether the sequence goes on."""
        if not self._say(sequence, token, row):
            return False
        matcher = sequence.matcher
        if matcher is None or sequence.request.sampling.n_logprobs is not None:
            return True  # a forced token has no row, and so no score
        for forced in matcher.forced():
            sequence.sampler.note(forced)
            if not self._say(sequence, forced, None):
                return False
        return True

    def _say(self, sequence: Sequence, token: int, row: Row | None) -> bool:
        """Add one token to a sequence; whether it goes on."""
        if self._ends[token]:
            self._end(sequence, "stop")
            return False
        self.n_chosen += 1
        text = sequence.accept(token, self._pieces, row)
        if text:
            self._emit(sequence, sequence.delta(text))
        matcher = sequence.matcher
        if matcher is not None:
            matcher.accept(token)
        if sequence.text.met or (matcher is not None and matcher.done):
            self._end(sequence, "stop")
        elif len(sequence.tokens) - sequence.n_prompt >= sequence.limit:
            self._end(sequence, "length")
        else:
            return True
        return False
