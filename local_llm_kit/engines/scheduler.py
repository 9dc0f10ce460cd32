"""Continuous batching: one thread, one batch per step, every running sequence in it.

A sequence that holds a slot has at least one token that is not in the cache yet. With exactly one
it is *running*: its next row gives its next token. With more it is *reading*: its prompt, or what
its grammar forced. A step's rows are the running sequences' rows, each followed by its guesses if
there is speculation, then chunks of those that are reading. Between steps:

- a busy slot's `tokens` is its sequence's own list, and `n_cached` of them are in the cache;
- `_steady` is True only if the batch's rows belong to `_running` in order, one row each, and no
  grammar can force tokens, so that the next step only has to write new tokens and add one to the
  positions. Whatever ends, cancels or places a sequence sets it False.

While sequences are running, those that read get what is left of `chunk` rows a step, shared fairly:
a long prompt then delays streams by a small step at a time (0.6 s against 4.9 s for a 1,400-token
prompt beside three streams), and does not delay a short prompt behind it.

When the cache is full, idle slots give theirs back, oldest first; then the youngest sequence is
sent back to the queue with the text it has, to be computed again when another has ended.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque

from LLM.exceptions import LLMError, LLMServerError
from local_llm_kit.engines.choosing import Chooser, Part
from local_llm_kit.engines.compute import Interrupted, OutOfCache, Runner, Vocabulary
from local_llm_kit.engines.drafting import Drafter, Pace
from local_llm_kit.engines.inbox import Inbox, as_llm_error
from local_llm_kit.engines.outbox import Outbox
from local_llm_kit.engines.protocol import EngineStats, Event, FinishReason, Sink
from local_llm_kit.engines.rows import Group, RowPlanner
from local_llm_kit.engines.sequence import Sequence
from local_llm_kit.engines.slots import NO_SLOT, SlotTable, common_prefix
from local_llm_kit.engines.state_file import State

_log = logging.getLogger("local_llm_kit.engine")

#: A prompt waits for another that is being read when it can share this many more tokens.
_WORTH_WAITING = 64
#: How often texts that were not used for long are looked for, in steps.
_TIDY_STEPS = 32


class Scheduler:
    """Runs sequences on a runner until closed.

    :param vocabulary: used to end and to spell sequences.
    :param runner: computes; used only on the scheduler's thread, but for `interrupt`.
    :param n_slots: sequences that run at once.
    :param chunk: most rows of a step while sequences are running.
    :param max_queue: requests that may wait for a slot.
    :param share_prefixes: False for models whose memory cannot be cut (recurrent ones).
    :param drafter: guesses tokens ahead; None for no speculation.
    :param calibrate: split batches that cost more than their parts.
    :param idle_tokens: drop a text from the cache once as many tokens were generated since its
        last use; None keeps it until there is need of room.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        runner: Runner,
        *,
        n_slots: int,
        chunk: int = 128,
        max_queue: int = 256,
        share_prefixes: bool = True,
        drafter: Drafter | None = None,
        calibrate: bool = False,
        idle_tokens: int | None = None,
    ) -> None:
        self._runner = runner
        self._pace = Pace()
        self._spare = n_slots
        self._rows = RowPlanner(
            runner.batch, chunk, vocabulary.n_vocab, calibrate=calibrate, spare=self._spare
        )
        self._chooser = Chooser(
            vocabulary, runner, emit=self._emit, end=self._end, learn=self._pace.learn
        )
        self._share = share_prefixes
        self._idle_tokens = idle_tokens
        self._drafter = drafter
        self._slots = SlotTable(runner, n_slots, share=share_prefixes)
        self._waiting: deque[Sequence] = deque()
        self._reading: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._parts: list[Part] = []
        self._steady = False
        self._hold = False  # no new sequence until one ends: the cache was full
        self._outbox = Outbox()
        self._n_steps = 0
        self._next_tidy = _TIDY_STEPS
        self._decode_s = 0.0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._inbox = Inbox(n_slots, max_queue, self._thread)
        self._thread.start()

    # -- any thread ---------------------------------------------------------------------------

    def submit(self, sequence: Sequence) -> None:
        """Queue a sequence.

        :raises LLMRateLimitError: `max_queue` sequences are waiting.
        :raises LLMServerError: the scheduler is closed, or stayed behind in another process.
        """
        self._inbox.submit(sequence, lambda: self._enter(sequence))

    def cancel(self, sequence: Sequence) -> None:
        """End a sequence before its next token."""
        if sequence.ended:
            return
        self._inbox.put(lambda: self._cancel(sequence))
        if len(self._inbox.open) == 1:  # a long chunk of a prompt that nobody waits for
            self._runner.interrupt()

    def save(self, tokens: list[int]) -> State | None:
        """What the cache holds of a text; None when it holds nothing of it."""
        return self._inbox.call(lambda: self._slots.save(tokens))

    def restore(self, state: State) -> None:
        """Put a text into the cache.

        :raises LLMRateLimitError: every slot is busy.
        :raises LLMServerError: the cache has no room for it.
        """
        self._inbox.call(lambda: self._slots.restore(state, self._chooser.n_chosen))

    def close(self) -> None:
        """End everything that runs or waits with an error and stop the thread."""
        if self._inbox.close():
            self._runner.interrupt()
        if not self.is_current_thread:
            self._thread.join()

    @property
    def is_current_thread(self) -> bool:
        """Whether the caller is on the scheduler's own thread, which cannot wait for its end."""
        return threading.current_thread() is self._thread

    @property
    def stats(self) -> EngineStats:
        """A snapshot, exact only between steps."""
        n_running = self._slots.n_busy
        return EngineStats(
            n_slots=len(self._slots),
            n_running=n_running,
            n_waiting=max(0, len(self._inbox.open) - n_running),
            n_steps=self._n_steps,
            n_generated=self._chooser.n_chosen,
            decode_s=self._decode_s,
        )

    # -- the engine's thread ------------------------------------------------------------------

    def _run(self) -> None:
        error: LLMError = LLMServerError(
            "the engine was closed", status_code=503, code="engine_closed"
        )
        try:
            while self._receive():
                try:
                    if not self._steady or self._waiting:
                        self._deliver()  # this step may take longer than the last one
                    self._step()
                except Interrupted:
                    self._roll_back()
                except Exception as err:  # noqa: BLE001  # callers must not hang, whatever it is
                    _log.exception("a decoding step failed")
                    self._fail_all(as_llm_error(err))
                if self._outbox.is_due:
                    self._deliver()
        except BaseException as err:
            error = as_llm_error(err)
            raise
        finally:
            with contextlib.ExitStack() as last:  # in reverse; whatever fails, callers are told
                last.callback(self._deliver)
                last.callback(self._fail_all, error)
                last.callback(self._inbox.drain)

    def _receive(self) -> bool:
        """Take what callers sent, waiting for it when there is nothing else to do."""
        while not self._inbox.empty or self._is_idle:
            command = self._inbox.take()
            if command is None:
                return False
            command()
            if self._is_idle:
                self._deliver()
        return True

    @property
    def _is_idle(self) -> bool:
        return not (self._running or self._reading or self._waiting)

    def _enter(self, sequence: Sequence) -> None:
        if not sequence.ended:  # a failed step ends what has not come in yet, too
            self._waiting.append(sequence)

    def _cancel(self, sequence: Sequence) -> None:
        if sequence.ended:
            return
        with contextlib.suppress(ValueError):
            self._waiting.remove(sequence)
        self._end(sequence, "cancelled")

    def _step(self) -> None:
        """Admit, compute a batch, choose tokens."""
        if self._waiting:
            self._admit()
        if self._steady:
            self._rows.advance([sequence.tokens[-1] for sequence in self._running])
        else:
            self._parts = self._rows.write(self._running, self._draft(), self._reading)
        for group in self._rows.groups(self._parts):
            if not self._compute(group):
                break
        if not self._steady:
            self._settle()
        if self._idle_tokens is not None and self._n_steps >= self._next_tidy:
            self._next_tidy = self._n_steps + _TIDY_STEPS
            self._slots.empty_unused(self._chooser.n_chosen - self._idle_tokens)

    def _draft(self) -> list[list[int]]:
        """Guesses for each running sequence; an empty list where there is no speculation."""
        if self._drafter is None or not self._running:
            return []
        room = self._rows.room_for_drafts(len(self._running))
        wanted = [
            (sequence, 0 if sequence.matcher else min(room, self._pace.length(sequence)))
            for sequence in self._running
        ]
        return self._drafter.propose(wanted)

    def _compute(self, group: Group) -> bool:
        """Compute a group of rows and go on with its sequences; False when one had to give way."""
        self._runner.use_adapter(group.adapter)
        if not self._decode(group.first_row, group.n_rows, group.n_spare):
            return False
        for part in group.parts:
            part.sequence.slot.n_cached += part.n_rows - len(part.draft)
        self._chooser.choose(group.parts)
        return True

    def _settle(self) -> None:
        """Sort the sequences into running and reading by what they have left to compute."""
        running = []
        for part in self._parts:
            sequence = part.sequence
            if sequence.slot is NO_SLOT:
                continue
            if sequence.n_left == 1:
                running.append(sequence)
                if part.reading:
                    self._reading.remove(sequence)
            elif not part.reading:
                self._reading.appendleft(sequence)
        self._steady = (
            not self._reading
            and self._drafter is None
            and len(running) == len(self._parts)
            and not any(part.reading or part.sequence.matcher for part in self._parts)
        )
        self._running = running

    def _admit(self) -> None:
        """Give free slots to waiting sequences, in order of arrival."""
        deferred: list[Sequence] = []
        while self._waiting and not self._hold:
            sequence = self._waiting[0]
            if sequence.limit == 0 and sequence.request.score_from is None:
                self._waiting.popleft()
                self._end(sequence, "length")
                continue
            adapter = sequence.request.adapter
            found = self._slots.place(sequence.tokens, adapter, sequence.most_shared)
            if found is None:
                break
            self._waiting.popleft()
            if self._share and self._gains_by_waiting(sequence, found.n_shared):
                deferred.append(sequence)
                continue
            sequence.slot = self._slots.take(found, sequence.tokens, adapter)
            if sequence.n_cached is None:
                sequence.n_cached = found.n_shared
                sequence.placed_at = time.perf_counter()
            self._reading.append(sequence)
            self._steady = False
        self._waiting.extendleft(reversed(deferred))

    def _gains_by_waiting(self, sequence: Sequence, n_shared: int) -> bool:
        """Whether a prompt now being read will leave much more to share (the n of a request)."""
        limit = len(sequence.tokens) - 1
        if sequence.most_shared is not None:
            limit = min(limit, sequence.most_shared)
        return any(
            other.request.adapter == sequence.request.adapter
            and common_prefix(other.tokens, sequence.tokens, limit) >= n_shared + _WORTH_WAITING
            for other in self._reading
        )

    def _decode(self, first_row: int, n_rows: int, n_spare: int) -> bool:
        """Compute rows, making room as needed; False when a sequence had to give way."""
        while True:
            begin = time.perf_counter()
            try:
                self._runner.decode(first_row, n_rows + n_spare)
            except OutOfCache:
                if n_spare:
                    n_spare = 0
                elif not self._slots.empty_oldest_idle():
                    self._give_way()
                    return False
                continue
            finally:
                took_s = time.perf_counter() - begin
                self._decode_s += took_s
                self._n_steps += 1
            if n_spare:
                self._runner.forget(self._spare)
            self._rows.learn(n_rows + n_spare, took_s)
            return True

    def _give_way(self) -> None:
        """Send the youngest sequence back to the queue; it goes on once another has ended."""
        active = [*self._running, *self._reading]
        youngest = min(active, key=lambda sequence: sequence.n_generated)
        if len(active) == 1:
            self._end(youngest, LLMServerError("the cache cannot hold this sequence alone"))
            return
        self._slots.empty(youngest.slot)
        self._release(youngest)
        self._waiting.appendleft(youngest)
        self._hold = True

    def _roll_back(self) -> None:
        """After an interruption: drop what the cache may hold of the batch, to compute it again."""
        self._runner.forget(self._spare)
        for sequence in (*self._running, *self._reading):
            slot = sequence.slot
            if not self._share:  # its cells cannot be cut: it is read again
                slot.n_cached = 0
            self._runner.forget(slot.id, slot.n_cached)
        self._settle()
        self._steady = False  # the batch is a step ahead: all of it is written anew

    def _emit(self, sequence: Sequence, event: Event) -> None:
        self._outbox.add(sequence.sink, (event,), urgent=not sequence.heard)
        sequence.heard = True

    def _end(self, sequence: Sequence, how: FinishReason | LLMError) -> None:
        """Make the last events of a sequence and free its slot."""
        self._tell_end(sequence, how)
        self._release(sequence)
        self._hold = False

    def _tell_end(self, sequence: Sequence, how: FinishReason | LLMError) -> None:
        last = sequence.fail(how) if isinstance(how, LLMError) else sequence.finish(how)
        self._outbox.add(sequence.sink, last, urgent=True)
        self._inbox.ended(sequence)

    def _release(self, sequence: Sequence) -> None:
        if sequence.slot is NO_SLOT:
            return
        self._slots.give_back(sequence.slot, self._chooser.n_chosen)
        sequence.slot = NO_SLOT
        self._running = [other for other in self._running if other is not sequence]
        if sequence in self._reading:
            self._reading.remove(sequence)
        if self._drafter is not None:
            self._drafter.release(sequence)
            self._pace.forget(sequence)
        self._steady = False

    def _fail_all(self, error: LLMError) -> None:
        """End every sequence with `error`, and forget a cache that may be half written."""
        failed = list(self._inbox.open)
        for sequence in failed:  # all of them first: to release them may fail as well
            self._tell_end(sequence, error)
        for sequence in failed:
            self._release(sequence)
        self._running, self._parts, self._steady, self._hold = [], [], False, False
        self._reading.clear()
        self._waiting.clear()
        self._slots.clear()

    def _deliver(self) -> None:
        """Hand over what was made; a sink that fails loses its sequences."""
        self._outbox.hand_over(self._lose)

    def _lose(self, sink: Sink) -> None:
        _log.exception("a sink failed; its requests are cancelled")
        for sequence in [one for one in list(self._inbox.open) if one.sink == sink]:
            self.cancel(sequence)
