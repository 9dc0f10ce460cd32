"""What every engine does above its runner: checks requests, runs the scheduler, ends in order."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Collection
from collections.abc import Sequence as SequenceOf
from typing import Any

import numpy as np
import numpy.typing as npt

from LLM.exceptions import InvalidRequestError, LLMContextLengthError
from local_llm_kit.devices import return_freed_memory
from local_llm_kit.engines import state_file
from local_llm_kit.engines.compute import Runner, Vocabulary
from local_llm_kit.engines.drafting import Drafter
from local_llm_kit.engines.gate import Gate
from local_llm_kit.engines.protocol import EngineStats, GenerationRequest, ModelInfo, Sink
from local_llm_kit.engines.scheduler import Scheduler
from local_llm_kit.engines.sequence import Sequence


class RequestHandle:
    """A submitted request."""

    def __init__(self, scheduler: Scheduler, sequence: Sequence) -> None:
        self._scheduler = scheduler
        self._sequence = sequence

    def cancel(self) -> None:
        """Stop it and free its slot within a step."""
        self._scheduler.cancel(self._sequence)


class BaseEngine(ABC):
    """A model, its runner and the scheduler that serves many callers with it.

    A subclass loads the model, calls this constructor last, and says how to embed and how to free.

    :param info: facts about the model.
    :param vocabulary: its tokens.
    :param runner: owned; used by the scheduler's thread alone.
    :param state_owner: engine, model and cache layout: what must be equal for a state file to be
        read.
    :param n_slots: sequences that run at once: the runner's sequences 0 to n_slots - 1.
    :param max_queue: requests that may wait beyond those.
    :param share_prefixes: False for models whose memory cannot be cut (recurrent ones).
    :param adapters: names that a request's `adapter` may have.
    :param drafter: guesses tokens ahead; None for no speculation.
    :param calibrate: let the scheduler learn how long batches of each size take, and split or
        fill up those that cost more than others (CPU kernels). The runner must then have a
        sequence `n_slots` for rows that nobody needs.
    :param idle_tokens: drop a text from the cache once as many tokens were generated since its
        last use, where its cells slow the others; None keeps it until there is need of room.
    """

    def __init__(
        self,
        info: ModelInfo,
        vocabulary: Vocabulary,
        runner: Runner,
        *,
        state_owner: str,
        n_slots: int,
        max_queue: int,
        share_prefixes: bool = True,
        adapters: Collection[str] = (),
        drafter: Drafter | None = None,
        calibrate: bool = False,
        idle_tokens: int | None = None,
    ) -> None:
        self._info = info
        self._vocabulary = vocabulary
        self._runner = runner
        self._state_owner = state_owner
        self._adapters = frozenset(adapters)
        self._gate = Gate()
        self._scheduler = Scheduler(
            vocabulary,
            runner,
            n_slots=n_slots,
            max_queue=max_queue,
            share_prefixes=share_prefixes,
            drafter=drafter,
            calibrate=calibrate,
            idle_tokens=idle_tokens,
        )

    @property
    def info(self) -> ModelInfo:
        """Facts about the model."""
        return self._info

    @property
    def stats(self) -> EngineStats:
        """A snapshot of the engine's work."""
        return self._scheduler.stats

    @property
    def vocabulary(self) -> Vocabulary:
        """The model's tokens; valid until `close`."""
        return self._vocabulary

    def tokenize(
        self, text: str, *, add_special: bool = False, parse_special: bool = False
    ) -> list[int]:
        """Token ids of `text`."""
        with self._gate:
            return self._vocabulary.tokenize(
                text, add_special=add_special, parse_special=parse_special
            )

    def detokenize(self, tokens: SequenceOf[int]) -> str:
        """Text of `tokens`; special tokens have none."""
        self._check_tokens(tokens)
        pieces = self._vocabulary.pieces
        return b"".join(pieces[token] for token in tokens).decode("utf-8", "replace")

    def submit(self, request: GenerationRequest, sink: Sink) -> RequestHandle:
        """Queue a request; its events go to `sink`, on the engine's thread."""
        n_prompt, window = len(request.prompt), self._info.context_length
        if not n_prompt:
            raise InvalidRequestError(
                "the prompt has no tokens; give it some text", status_code=400
            )
        room = window - n_prompt
        if room < (1 if request.max_tokens != 0 else 0):
            raise LLMContextLengthError(
                f"the prompt has {n_prompt} tokens, but the window of {self._info.name!r} is "
                f"{window} for prompt and output together; shorten the prompt"
                + self._larger_window(),
                status_code=400,
                code="context_length_exceeded",
            )
        self._check_tokens(request.prompt)
        self._check_tokens([token for token, _ in request.sampling.logit_bias])
        self._check_adapter(request.adapter)
        limit = room if request.max_tokens is None else min(request.max_tokens, room)
        sequence = Sequence(request, sink, limit)
        handle = RequestHandle(self._scheduler, sequence)
        try:
            self._scheduler.submit(sequence)
        except (KeyboardInterrupt, SystemExit):  # it may be on its way, and nobody could stop it
            handle.cancel()
            raise
        return handle

    def _larger_window(self) -> str:
        info = self._info
        if info.context_length == info.n_ctx_train:
            return ""
        return f" or raise context_length (up to {info.n_ctx_train})"

    def _check_tokens(self, tokens: SequenceOf[int]) -> None:
        n_vocab = self._info.n_vocab
        if tokens and not (min(tokens) >= 0 and max(tokens) < n_vocab):
            wrong = next(token for token in tokens if not 0 <= token < n_vocab)
            raise InvalidRequestError(
                f"there is no token {wrong!r}: the model's tokens are 0 to {n_vocab - 1}",
                status_code=400,
            )

    def _check_adapter(self, name: str | None) -> None:
        if name is not None and name not in self._adapters:
            known = ", ".join(map(repr, sorted(self._adapters))) or "none"
            raise InvalidRequestError(
                f"there is no adapter {name!r}; this model was loaded with: {known}",
                status_code=400,
                body={"param": "adapter"},
            )

    def embed(self, prompts: SequenceOf[SequenceOf[int]]) -> npt.NDArray[Any]:
        """(len(prompts), n_embd) float32, each of length 1."""
        window = self._info.context_length
        for prompt in prompts:
            if not 0 < len(prompt) <= window:
                raise InvalidRequestError(
                    f"an input has {len(prompt)} tokens; an embedding takes 1 to {window}",
                    status_code=400,
                    body={"param": "input"},
                )
            self._check_tokens(prompt)
        if not prompts:
            return np.zeros((0, self._info.n_embd), np.float32)
        with self._gate:
            return self._embed(prompts)

    @abstractmethod
    def _embed(self, prompts: SequenceOf[SequenceOf[int]]) -> npt.NDArray[Any]:
        """The embeddings of one checked prompt or more; several threads may be inside at once."""

    def save_state(self, prompt: SequenceOf[int], path: str) -> int:
        """Write what the cache holds of `prompt` to a file; tokens saved, 0 for none."""
        with self._gate:
            state = self._scheduler.save(list(prompt))
            if state is None:
                return 0
            state_file.write(path, state, self._state_owner)
            return len(state.tokens)

    def load_state(self, path: str) -> int:
        """Put a saved text back into the cache; tokens restored."""
        with self._gate:
            state = state_file.read(path, self._state_owner)
            self._check_tokens(state.tokens)
            self._scheduler.restore(state)
            return len(state.tokens)

    def close(self) -> None:
        """End what runs, stop the thread, give the memory back; repeatable.

        On the engine's own thread (a sink, or a finaliser that the collector ran there) the memory
        is given back once that thread has ended: it is still computing.
        """
        if self._scheduler.is_current_thread:
            threading.Thread(target=self._end, name="engine's end").start()
        else:
            self._end()

    def _end(self) -> None:
        if self._gate.close():
            self._scheduler.close()
            self._free()
            return_freed_memory()

    @abstractmethod
    def _free(self) -> None:
        """Give runner and model back; nothing uses them any more."""
