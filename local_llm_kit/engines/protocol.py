"""What an engine takes and gives: requests in, events out.

A caller submits a `GenerationRequest` with a sink. The engine calls the sink on its own thread, at
most once per decoding step, with everything that the step produced for that sink. For each request
exactly one `Finished` or `Failed` arrives, last, whatever happens: cancelled, closed, or broken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from LLM.exceptions import LLMError

if TYPE_CHECKING:  # the clients are imported without numpy
    import numpy as np
    import numpy.typing as npt

    from local_llm_kit.engines.compute import Vocabulary

FinishReason = Literal["stop", "length", "cancelled"]

_SEEDS = 1 << 64


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next token is chosen from the logits.

    :param temperature: 0 takes the likeliest token; applied before every filter, as OpenAI does.
    :param top_p: keep the smallest set of likeliest tokens whose probability reaches this, (0, 1].
    :param top_k: keep this many likeliest tokens; 0 keeps all.
    :param min_p: drop tokens less likely than this share of the likeliest one, [0, 1].
    :param repetition_penalty: divides the logits of tokens already in prompt or output; 1 is none.
    :param frequency_penalty: subtracted from a logit for each time its token was generated.
    :param presence_penalty: subtracted once from the logit of every token generated before.
    :param seed: makes the choice repeatable; None takes fresh randomness.
    :param logit_bias: pairs of token id and value added to its logit.
    :param n_logprobs: None tells no log probabilities; N tells the chosen token's and those of
        the N likeliest.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    n_logprobs: int | None = None

    def of_choice(self, index: int) -> SamplingParams:
        """With a seed for one of several choices, so that they differ and each repeats."""
        if self.seed is None or index == 0:
            return self
        return replace(self, seed=(self.seed + index) % _SEEDS)


class Matcher(Protocol):
    """Follows one answer through a grammar; used by the scheduler's thread alone."""

    def allowed(self) -> npt.NDArray[np.bool_]:
        """(n_vocab,) bool: the tokens that may come next; an ending token where it may end here.

        Read only, valid until `accept`. At least one is True while not `done`.
        """

    def accept(self, token: int) -> None:
        """Go on by a token that was allowed."""

    def forced(self) -> list[int]:
        """Tokens of which each is the only way on, not accepted yet; empty where there is a choice.

        They are fed without sampling: that makes constrained text cheaper than free text.
        """

    @property
    def done(self) -> bool:
        """Whether the text is complete and nothing can follow."""


class Constraint(Protocol):
    """A compiled grammar, shared by requests and threads."""

    def matcher(self) -> Matcher:
        """A matcher at the beginning of the text."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One sequence to generate.

    :param prompt: token ids, at least one.
    :param max_tokens: most tokens to generate; None means up to the end of the window, which also
        bounds any larger number.
    :param sampling: how tokens are chosen.
    :param stop: strings that end the text; they are not part of it.
    :param tag: given back in each of this request's events.
    :param constraint: grammar that the text follows; None leaves it free.
    :param adapter: name of a LoRA adapter that the engine was loaded with; None takes the bare
        model.
    :param score_from: tell the scores of the prompt's tokens from this place on too, as one
        `PromptScores` before the first `Delta`. The first token of a prompt has no score.
    """

    prompt: Sequence[int]
    max_tokens: int | None = None
    sampling: SamplingParams = field(default_factory=SamplingParams)
    stop: tuple[str, ...] = ()
    tag: Any = None
    constraint: Constraint | None = None
    adapter: str | None = None
    score_from: int | None = None


class TokenScore(NamedTuple):
    """Log probability of the token at one position, under the model's own distribution.

    :ivar token: the token's bytes, which may be part of a character.
    :ivar logprob: natural logarithm, at most 0.
    :ivar top: the likeliest tokens at this position, likeliest first, as (bytes, logprob).
    """

    token: bytes
    logprob: float
    top: tuple[tuple[bytes, float], ...]


class Delta(NamedTuple):
    """Text that a step added to a request; `scores` is empty unless they were asked for."""

    tag: Any
    text: str
    scores: tuple[TokenScore, ...] = ()


class Thought(NamedTuple):
    """Text that a model thinks before it answers, from a back end that tells it apart."""

    tag: Any
    text: str


class CallMade(NamedTuple):
    """A whole tool call, from a back end that reads the calls out of the text itself.

    :ivar arguments: JSON text.
    """

    tag: Any
    name: str
    arguments: str


class PromptScores(NamedTuple):
    """Scores of the prompt's tokens from the place that was asked for, at least its second."""

    tag: Any
    scores: tuple[TokenScore, ...]


class Timings(NamedTuple):
    """Where the time of a request went, in seconds.

    :ivar wait_s: in the queue, until it got a slot.
    :ivar prompt_s: from then until its first token was chosen.
    :ivar output_s: from then to its end.
    """

    wait_s: float
    prompt_s: float
    output_s: float


class Finished(NamedTuple):
    """The end of a request.

    :ivar prompt_tokens: tokens of the prompt.
    :ivar completion_tokens: tokens generated, the end-of-generation token not counted.
    :ivar cached_tokens: tokens of the prompt that were found in the KV cache.
    :ivar stop: the stop string that ended the text; None where none did, or nobody tells which.
    :ivar timings: where its time went; None where nobody measured it.
    """

    tag: Any
    reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    stop: str | None = None
    timings: Timings | None = None


class Failed(NamedTuple):
    """The end of a request that could not be finished."""

    tag: Any
    error: LLMError


Event = Delta | Thought | CallMade | PromptScores | Finished | Failed

#: Takes what one step produced. Called on the engine's thread: it must hand over and return.
Sink = Callable[[list[Event]], None]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Facts about a loaded model.

    :param name: name that answers carry.
    :param path: file or folder that it was loaded from.
    :param context_length: tokens of prompt and output together that a request may have.
    :param n_ctx_train: window that the model was trained with, in tokens.
    :param n_vocab: size of the vocabulary.
    :param n_params: number of weights.
    :param size_bytes: size of the weights in memory.
    :param longest_token_bytes: bytes of the longest token's text; bounds how few tokens a text has.
    :param chat_template: Jinja source from the model's file; None when it has none.
    :param bos_token: text of the token that begins a prompt; empty when there is none.
    :param eos_token: text of the token that ends an answer.
    :param control_tokens: texts that `tokenize` reads as control tokens with `parse_special`.
    :param backend: ``llama.cpp`` or ``transformers``.
    :param device: where it computes: ``cpu``, or a GPU's name.
    :param n_embd: length of an embedding.
    :param n_gpu_layers: layers that are held on a GPU.
    :param end_tokens: ids of the tokens that end an answer; a `logit_bias` of -100 on each of them
        has it go on to its limit. Empty where the back end does not tell.
    :param capabilities: what it can do, in Ollama's words: ``completion``, ``tools``,
        ``embedding``, ``vision`` (reads images), ``thinking``.
    """

    name: str
    path: str
    context_length: int
    n_ctx_train: int
    n_vocab: int
    n_params: int
    size_bytes: int
    longest_token_bytes: int
    chat_template: str | None
    bos_token: str
    eos_token: str
    control_tokens: tuple[str, ...] = ()
    backend: str = "llama.cpp"
    device: str = "cpu"
    n_embd: int = 0
    n_gpu_layers: int = 0
    end_tokens: tuple[int, ...] = ()
    capabilities: tuple[str, ...] = ("completion", "embedding")


@dataclass(frozen=True, slots=True)
class EngineStats:
    """What an engine is doing and has done since it was loaded.

    :param n_slots: sequences that can run at once.
    :param n_running: sequences that hold a slot.
    :param n_waiting: requests in the queue.
    :param n_steps: decoding steps taken.
    :param n_generated: tokens generated.
    :param decode_s: seconds spent inside the model's code.
    """

    n_slots: int
    n_running: int
    n_waiting: int
    n_steps: int
    n_generated: int
    decode_s: float


class Handle(Protocol):
    """A submitted request."""

    def cancel(self) -> None:
        """Stop the request and free its slot within a step; any thread, any number of times."""


class Engine(Protocol):
    """Owns a model; every method may be called from any thread."""

    @property
    def info(self) -> ModelInfo:
        """Facts about the model."""

    @property
    def stats(self) -> EngineStats:
        """A snapshot of the engine's work."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The model's tokens; valid until `close`."""

    def tokenize(
        self, text: str, *, add_special: bool = False, parse_special: bool = False
    ) -> list[int]:
        """Token ids of `text`.

        :param add_special: begin with the model's BOS token where the model wants one.
        :param parse_special: read the text of special tokens as those tokens.
        """

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Text of `tokens`; special tokens have none."""

    def submit(self, request: GenerationRequest, sink: Sink) -> Handle:
        """Queue a request.

        :raises LLMContextLengthError: the prompt leaves no room in the window.
        :raises LLMRateLimitError: the queue is full.
        :raises LLMServerError: the engine is closed.
        """

    def embed(self, prompts: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        """(len(prompts), n_embd) float32, each of length 1: one embedding a prompt.

        :param prompts: token ids, none empty, none longer than the window.
        :raises InvalidRequestError: a prompt is empty or too long.
        :raises LLMServerError: the engine is closed.
        """

    def save_state(self, prompt: Sequence[int], path: str) -> int:
        """Write what the cache holds of `prompt` to a file, atomically.

        :return: tokens saved; 0 means that nothing of it is in the cache and no file was written.
        """

    def load_state(self, path: str) -> int:
        """Put a saved text back into the cache, for prompts that begin with it.

        :return: tokens restored.
        :raises InvalidRequestError: the file is damaged, or another model's.
        """

    def close(self) -> None:
        """End what runs with `Failed`, stop the thread, give the memory back; repeatable."""
