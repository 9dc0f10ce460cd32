"""What a model must offer to be called: the protocol between the clients and the back ends.

Two kinds satisfy it: `LocalModel`, an engine of ours with its chat template, and a model behind
another program's API (Ollama), which has no tokens of its own. The blocking client, the
asynchronous one and the server know only what is written here.

A call is prepared first, on any thread: `chat`, `completion` and `decision` check it against the
model and give a `Job`, and nothing runs yet. Then `Job.start` runs it, and its events are fed to
the job's answer by whoever waits for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from local_llm_kit.engines.protocol import EngineStats, Event, Handle, ModelInfo, Sink

if TYPE_CHECKING:
    import os

    from local_llm_kit.arguments import ChatArguments, CompletionArguments, Defaults
    from local_llm_kit.decisions import DecisionArguments
    from local_llm_kit.embeddings import EmbeddingArguments
    from local_llm_kit.memory_plan import MemoryPlan
    from local_llm_kit.stopping import Stop

JSONObject = dict[str, Any]


class Growing(Protocol):
    """An answer in the making; `Answer` and `DecisionAnswer` are such."""

    @property
    def done(self) -> bool:
        """Whether every request of the call has ended."""

    def start(self) -> list[JSONObject]:
        """Chunks that come before anything was computed."""

    def feed(self, events: Sequence[Event]) -> list[JSONObject]:
        """Chunks of what a step made; none when the answer is not streamed.

        :raises LLMError: a request of the call failed.
        """

    def response(self) -> JSONObject:
        """The whole answer, once `done`."""

    def usage(self) -> JSONObject:
        """Token counts so far."""


@dataclass(frozen=True, slots=True)
class Job:
    """A call that is ready to run.

    :param answer: takes the events. Each event's `tag` has it as ``tag.answer``.
    :param start: submits all of its requests or none. The sink is called on another thread, at most
        once a step, and exactly one `Finished` or `Failed` comes for each request, last.
    :param n_prompt_tokens: tokens of its prompts, each counted once; None where only the end tells.
    """

    answer: Growing
    start: Callable[[Sink], list[Handle]]
    n_prompt_tokens: int | None = None


class Backend(Protocol):
    """A model that answers calls; every method may be called from any thread.

    What a back end cannot do is an `InvalidRequestError` that names it, with the code
    ``unsupported_parameter``; nothing is dropped.
    """

    @property
    def info(self) -> ModelInfo:
        """Facts about the model."""

    @property
    def defaults(self) -> Defaults:
        """What is used for arguments that a call leaves out."""

    @property
    def stats(self) -> EngineStats:
        """A snapshot of what it is doing."""

    @property
    def memory_plan(self) -> MemoryPlan | None:
        """What it was planned to take, beside what was measured; None in another program."""

    def chat(self, arguments: ChatArguments, stop: Stop | None = None) -> Job:
        """Prepare a chat completion. May take as long as a summary does; see `overflow`.

        :param stop: ends a summary that is being written; None leaves it to its end.
        :raises LLMAPIError: it was stopped.
        :raises InvalidRequestError: the messages or an argument cannot be honoured.
        :raises LLMContextLengthError: the prompt does not fit the window.
        """

    def completion(self, arguments: CompletionArguments) -> Job:
        """Prepare a text completion; raises as `chat` does."""

    def decision(self, arguments: DecisionArguments) -> Job:
        """Prepare questions that are answered with probabilities; raises as `chat` does."""

    def embeddings(self, arguments: EmbeddingArguments) -> JSONObject:
        """Embeddings in OpenAI's shape; blocks while it computes.

        :raises InvalidRequestError: an input is empty or too long, or there are no embeddings.
        """

    def models(self) -> list[str]:
        """Names of the models that it can answer with and needs no download for, its own first."""

    def tokenize(
        self, text: str, *, add_special: bool = False, parse_special: bool = False
    ) -> list[int]:
        """Token ids of `text` by the model's own tokenizer.

        :param add_special: begin with the model's BOS token where it wants one.
        :param parse_special: read the text of special tokens as those tokens.
        """

    def token_bytes(self, tokens: Sequence[int]) -> list[bytes]:
        """Bytes of each token's text, maybe part of a character; none of special tokens.

        :param tokens: as `tokenize` gave them.
        """

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Text of `tokens`; special tokens have none."""

    def count_tokens(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> int:
        """Tokens of the prompt that a conversation makes, the opening of the answer included."""

    def save_state(self, arguments: ChatArguments, path: str | os.PathLike[str]) -> int:
        """Write what is cached of a conversation to a file; tokens saved."""

    def load_state(self, path: str | os.PathLike[str]) -> int:
        """Put a saved conversation back into the cache; tokens restored."""

    def close(self) -> None:
        """End what runs with `Failed` and give the memory back; repeatable."""
