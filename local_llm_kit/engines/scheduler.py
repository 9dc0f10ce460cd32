"""Continuous batching: one thread, one batch per step, every running sequence in it.

A step's rows are, first, one row for each sequence that is generating, in the order of `_running`;
then chunks of the prompts that are still being read. Invariants between steps:

- a busy slot's `tokens` is its sequence's own list, and `n_cached` of them are in the cache;
- a generating sequence has exactly one token, the last, not yet in the cache: its next row;
- `_stale` is False only if row i of the batch belongs to `_running[i]`, so that the next step only
  has to write new tokens and add one to the positions.

While sequences are generating, prompts get what is left of `chunk` rows a step, shared fairly: a
long prompt then delays streams by a small step at a time (0.6 s against 4.9 s for a 1,400-token
prompt beside three streams), and does not delay a short prompt behind it.

When the cache is full, idle slots give theirs back, oldest first; then the youngest sequence is
sent back to the queue with the text it has, to be computed again when another has ended.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections import deque
from queue import SimpleQueue
from typing import Literal

from LLM.exceptions import LLMError, LLMRateLimitError, LLMServerError
from local_llm_kit.engines.llama_cpp.binding import Context, Model
from local_llm_kit.engines.sequence import Sequence
from local_llm_kit.engines.slots import NO_SLOT, SlotTable, common_prefix
from local_llm_kit.engines.protocol import EngineStats, Event, FinishReason, Sink
from local_llm_kit.engines.compute import Row

_log = logging.getLogger("local_llm_kit.llama_cpp")

_NO_ROOM = 1  # llama_decode: the cache is full, nothing was kept
_ROW_UNIT = 16  # matrix kernels work on rows in units of 16
#: A prompt waits for another that is being read when it can share this many more tokens.
_WORTH_WAITING = 64

_Command = tuple[Literal["submit", "cancel", "close"], Sequence | None]


class Scheduler:
    """Runs sequences on a context until closed.

    :param model: the model's vocabulary is used to end and to spell sequences.
    :param context: computed only on the scheduler's thread.
    :param n_slots: sequences that run at once.
    :param chunk: most rows of a step while sequences are generating.
    :param max_queue: requests that may wait for a slot.
    :param share_prefixes: False for models whose memory cannot be cut (recurrent ones).
    """

    def __init__(
        self,
        model: Model,
        context: Context,
        *,
        n_slots: int,
        chunk: int = 128,
        max_queue: int = 256,
        share_prefixes: bool = True,
    ) -> None:
        self._context = context
        self._batch = context.batch
        self._pieces = model.pieces
        self._ends = model.ends
        self._chunk = min(chunk, context.batch.n_rows)
        self._max_queue = max_queue
        self._share = share_prefixes
        self._slots = SlotTable(context, n_slots, share=share_prefixes)
        self._commands: SimpleQueue[_Command] = SimpleQueue()
        self._lock = threading.Lock()
        self._open: set[Sequence] = set()  # submitted and not ended, wherever they are
        self._closed = False
        self._waiting: deque[Sequence] = deque()
        self._reading: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._next: list[int] = []
        self._stale = True
        self._hold = False  # no new sequence until one ends: the cache was full
        self._outbox: dict[Sink, list[Event]] = {}
        self._n_steps = 0
        self._n_generated = 0
        self._decode_s = 0.0
        self._thread = threading.Thread(target=self._run, name="llama.cpp engine", daemon=True)
        self._thread.start()

    # -- any thread ---------------------------------------------------------------------------

    def submit(self, sequence: Sequence) -> None:
        """Queue a sequence.

        :raises LLMRateLimitError: `max_queue` sequences are waiting.
        :raises LLMServerError: the scheduler is closed, or stayed behind in another process.
        """
        if not (self._closed or self._thread.is_alive()):
            raise LLMServerError(
                "this process was forked from the one that loaded the model, and threads do not "
                "follow; load the model after the fork, or start processes by 'spawn'",
                status_code=503,
                code="engine_closed",
            )
        with self._lock:
            if self._closed:
                raise LLMServerError("the engine is closed", status_code=503, code="engine_closed")
            if len(self._open) >= self._max_queue + len(self._slots):
                raise LLMRateLimitError(
                    f"{len(self._slots)} requests run and {self._max_queue} wait, the most that "
                    "this engine takes; try again in a second",
                    status_code=429,
                    retry_after=1.0,
                    code="queue_full",
                )
            self._open.add(sequence)
            self._commands.put(("submit", sequence))

    def cancel(self, sequence: Sequence) -> None:
        """End a sequence before its next token."""
        if not sequence.ended:
            self._commands.put(("cancel", sequence))

    def close(self) -> None:
        """End everything that runs or waits with an error and stop the thread."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._commands.put(("close", None))
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
            n_waiting=max(0, len(self._open) - n_running),
            n_steps=self._n_steps,
            n_generated=self._n_generated,
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
                    self._step()
                except Exception as err:  # noqa: BLE001  # callers must not hang, whatever it is
                    _log.exception("a decoding step failed")
                    self._fail_all(_as_llm_error(err))
                self._deliver()
        except BaseException as err:
            error = _as_llm_error(err)
            raise
        finally:
            with self._lock:
                self._closed = True
            while not self._commands.empty():
                self._take(self._commands.get())
            self._fail_all(error)
            self._deliver()

    def _receive(self) -> bool:
        """Take what callers sent, waiting for it when there is nothing else to do."""
        commands = self._commands
        idle = not (self._running or self._reading or self._waiting)
        while idle or not commands.empty():
            if not self._take(commands.get()):
                return False
            idle = not self._waiting and not (self._running or self._reading)
            if idle and self._outbox:
                self._deliver()
        return True

    def _take(self, command: _Command) -> bool:
        action, sequence = command
        if sequence is None:
            return False
        if sequence.ended:
            return True
        if action == "submit":
            self._waiting.append(sequence)
        else:
            with contextlib.suppress(ValueError):
                self._waiting.remove(sequence)
            self._end(sequence, "cancelled")
        return True

    def _step(self) -> None:
        """Admit, compute one batch, choose tokens."""
        if self._waiting:
            self._admit()
        batch, n_running = self._batch, len(self._running)
        if self._stale:
            for i, sequence in enumerate(self._running):
                batch.write(i, sequence.tokens[-1:], sequence.slot.n_cached, sequence.slot.id)
            batch.wanted[:n_running] = 1
            self._stale = False
        elif n_running:
            batch.token[:n_running] = self._next
            batch.position[:n_running] += 1
        chunks = self._write_chunks(n_running) if self._reading else []
        n_rows = n_running + sum(n for _, n in chunks)
        if not n_rows or not self._decode(n_rows):
            return
        for sequence in self._running:
            sequence.slot.n_cached += 1
        if chunks:
            self._running = self._running + self._read(chunks)
        if self._running:
            self._choose(self._running)

    def _admit(self) -> None:
        """Give free slots to waiting sequences, in order of arrival."""
        deferred: list[Sequence] = []
        while self._waiting and not self._hold:
            sequence = self._waiting[0]
            if sequence.limit == 0:
                self._waiting.popleft()
                self._end(sequence, "length")
                continue
            found = self._slots.place(sequence.tokens)
            if found is None:
                break
            self._waiting.popleft()
            if self._share and self._gains_by_waiting(sequence, found.n_shared):
                deferred.append(sequence)
                continue
            sequence.slot = self._slots.take(found, sequence.tokens)
            if sequence.n_cached is None:
                sequence.n_cached = found.n_shared
            self._reading.append(sequence)
        self._waiting.extendleft(reversed(deferred))

    def _gains_by_waiting(self, sequence: Sequence, n_shared: int) -> bool:
        """Whether a prompt now being read will leave much more to share (the n of a request)."""
        return any(
            common_prefix(other.tokens, sequence.tokens, len(sequence.tokens) - 1)
            >= n_shared + _WORTH_WAITING
            for other in self._reading
        )

    def _write_chunks(self, start: int) -> list[tuple[Sequence, int]]:
        """Fill the rows from `start` with prompts; the sequences and how many rows each got."""
        limit = self._chunk if start else self._batch.n_rows
        room = limit - start
        chunks: list[tuple[Sequence, int]] = []
        for i, sequence in enumerate(self._reading):
            if room <= 0:
                break
            share = room // (len(self._reading) - i) // _ROW_UNIT * _ROW_UNIT
            begin = sequence.slot.n_cached
            tokens = sequence.tokens[begin : begin + max(share, min(room, _ROW_UNIT))]
            end = self._batch.write(start, tokens, begin, sequence.slot.id)
            if begin + len(tokens) == len(sequence.tokens):
                self._batch.wanted[end - 1] = 1
            start, room = end, room - len(tokens)
            chunks.append((sequence, len(tokens)))
        self._reading.rotate(-len(chunks))  # those that had their turn go behind the others
        return chunks

    def _decode(self, n_rows: int) -> bool:
        """Compute the batch, making room as needed; False when a sequence had to give way."""
        while True:
            begin = time.perf_counter()
            code = self._context.decode(n_rows)
            self._decode_s += time.perf_counter() - begin
            self._n_steps += 1
            if code == 0:
                return True
            if code != _NO_ROOM:
                raise LLMServerError(
                    f"llama.cpp failed to compute a batch of {n_rows} rows: code {code}",
                    status_code=500,
                )
            if not self._slots.empty_oldest_idle():
                self._give_way()
                return False

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

    def _read(self, chunks: list[tuple[Sequence, int]]) -> list[Sequence]:
        """Note what was read; the sequences whose prompt is complete, in row order."""
        complete = []
        for sequence, n in chunks:
            sequence.slot.n_cached += n
            if sequence.slot.n_cached == len(sequence.tokens):
                self._reading.remove(sequence)
                complete.append(sequence)
        self._stale = True
        return complete

    def _choose(self, rows: list[Sequence]) -> None:
        """Choose the next token of each sequence; `rows` are in the order of the logits."""
        logits = self._context.logits(len(rows))
        best: list[int] = []
        if any(sequence.sampler.plain for sequence in rows):
            best = logits.argmax(axis=1).tolist()
        ends, pieces, outbox = self._ends, self._pieces, self._outbox
        going: list[Sequence] = []
        chosen: list[int] = []
        for i, sequence in enumerate(rows):
            row = logits[i]
            try:
                token = self._pick(sequence, row, best[i] if best else None)
            except LLMError as err:
                self._end(sequence, err)
                continue
            if ends[token]:
                self._end(sequence, "stop")
                continue
            wants_scores = sequence.request.sampling.n_logprobs is not None
            text = sequence.accept(token, pieces, row if wants_scores else None)
            if text:
                events = outbox.get(sequence.sink)
                if events is None:
                    events = outbox[sequence.sink] = []
                events.append(sequence.delta(text))
            if sequence.text.stopped:
                self._end(sequence, "stop")
            elif len(sequence.tokens) - sequence.n_prompt >= sequence.limit:
                self._end(sequence, "length")
            else:
                going.append(sequence)
                chosen.append(token)
        self._n_generated += len(rows)
        self._running, self._next = going, chosen

    @staticmethod
    def _pick(sequence: Sequence, row: Row, best: int | None) -> int:
        if best is not None and sequence.sampler.plain and math.isfinite(row[best]):
            return best
        return sequence.sampler.pick(row)

    def _end(self, sequence: Sequence, how: FinishReason | LLMError) -> None:
        """Make the last events of a sequence and free its slot."""
        last = sequence.fail(how) if isinstance(how, LLMError) else sequence.finish(how)
        self._outbox.setdefault(sequence.sink, []).extend(last)
        with self._lock:
            self._open.discard(sequence)
        self._release(sequence)
        self._hold = False

    def _release(self, sequence: Sequence) -> None:
        if sequence.slot is NO_SLOT:
            return
        self._slots.give_back(sequence.slot, self._n_steps)
        sequence.slot = NO_SLOT
        self._running = [other for other in self._running if other is not sequence]
        if sequence in self._reading:
            self._reading.remove(sequence)
        self._stale = True

    def _fail_all(self, error: LLMError) -> None:
        """End every sequence with `error`, and forget a cache that may be half written."""
        for sequence in list(self._open):
            self._end(sequence, error)
        self._running, self._next = [], []
        self._reading.clear()
        self._waiting.clear()
        self._slots.clear()

    def _deliver(self) -> None:
        """Hand each sink what the step made for it; a sink that fails loses its sequences."""
        if not self._outbox:
            return
        outbox, self._outbox = self._outbox, {}
        for sink, events in outbox.items():
            try:
                sink(events)
            except Exception:  # noqa: BLE001  # the other callers go on
                _log.exception("a sink failed; its requests are cancelled")
                for sequence in [one for one in list(self._open) if one.sink == sink]:
                    self.cancel(sequence)


def _as_llm_error(err: BaseException) -> LLMError:
    if isinstance(err, LLMError):
        return err
    error = LLMServerError(
        f"the engine failed: {type(err).__name__}: {err}", status_code=500, code="engine_failed"
    )
    error.__cause__ = err
    return error
