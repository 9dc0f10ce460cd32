"""What answers of every kind are: choices that grow, and the fields around them."""

from __future__ import annotations

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

from local_llm_kit.backends import JSONObject
from local_llm_kit.engines.protocol import (
    CallMade,
    Delta,
    Event,
    Failed,
    Finished,
    PromptScores,
    Thought,
)

Progress = Delta | Thought | CallMade | PromptScores | Finished


class Choice:
    """One sequence of an answer; the tag of its request.

    :param answer: the answer that it belongs to.
    :param index: its place there.
    :param prompt: which of the prompts it answers.
    """

    def __init__(self, answer: Answer, index: int, prompt: int = 0) -> None:
        self.answer = answer
        self.index = index
        self.prompt = prompt
        self.end: Finished | None = None
        self.parts: list[JSONObject] = []


class Answer(ABC):
    """The answer to one call, growing.

    :param model: name of the model that answers.
    :param n_choices: sequences of each prompt.
    :param n_prompts: prompts.
    :param stream: make chunks; otherwise the parts are kept for `response`.
    :param include_usage: whether the stream ends with a chunk of token counts.
    :ivar notes: further top-level fields, put into the whole answer and into a stream's first
        chunk; set before either is made.
    """

    id_prefix: str
    object: str
    chunk_object: str

    def __init__(
        self,
        model: str,
        n_choices: int,
        n_prompts: int = 1,
        *,
        stream: bool = False,
        include_usage: bool = False,
    ) -> None:
        self.model = model
        self.id = f"{self.id_prefix}-{secrets.token_hex(12)}"
        self.created = int(time.time())
        self.choices = [Choice(self, i, i // n_choices) for i in range(n_choices * n_prompts)]
        self.notes: JSONObject = {}
        self._noted = False
        self._n_open = len(self.choices)
        self._stream = stream
        self._include_usage = include_usage

    @property
    def done(self) -> bool:
        """Whether every choice has ended."""
        return self._n_open == 0

    def feed(self, events: Sequence[Event]) -> list[JSONObject]:
        """Chunks of what a step made for this answer, the chunk of token counts included.

        :raises LLMError: the engine failed.
        """
        chunks: list[JSONObject] = []
        for event in events:
            if isinstance(event, Failed):
                raise event.error
            choice: Choice = event.tag
            for part in self._parts(choice, event):
                self._keep(choice, part, chunks)
            if isinstance(event, Finished):
                self._n_open -= 1
        if self.done and chunks and self._include_usage:
            chunks.append(self._chunk([]) | {"usage": self.usage()})
        return chunks

    def _keep(self, choice: Choice, part: JSONObject, chunks: list[JSONObject]) -> None:
        if self._stream:
            choice.parts = [part]  # of a stream only the last is looked at again
            chunks.append(self._chunk([part]))
        else:
            choice.parts.append(part)

    def start(self) -> list[JSONObject]:
        """Chunks that come before the engine has done anything."""
        return []

    def response(self) -> JSONObject:
        """The whole answer, once `done`."""
        return {
            "id": self.id,
            "object": self.object,
            "created": self.created,
            "model": self.model,
            "choices": [self._whole(choice) for choice in self.choices],
            "usage": self.usage(),
            **self.notes,
        }

    def usage(self) -> JSONObject:
        """Token counts; a prompt with several answers counts once."""
        ends = [(choice.prompt, choice.end) for choice in self.choices if choice.end]
        prompts = dict(reversed(ends))
        n_prompt = sum(end.prompt_tokens for end in prompts.values())
        n_completion = sum(end.completion_tokens for _, end in ends)
        n_cached = sum(end.cached_tokens for end in prompts.values())
        return {
            "prompt_tokens": n_prompt,
            "completion_tokens": n_completion,
            "total_tokens": n_prompt + n_completion,
            "prompt_tokens_details": {"cached_tokens": n_cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def _chunk(self, choices: list[JSONObject]) -> JSONObject:
        chunk: JSONObject = {
            "id": self.id,
            "object": self.chunk_object,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }
        if self._include_usage:
            chunk["usage"] = None
        if not self._noted:
            self._noted = True
            chunk |= self.notes
        return chunk

    @staticmethod
    def _ending(part: JSONObject) -> JSONObject:
        """How a choice ended, as its last part tells it."""
        return {name: part[name] for name in ("finish_reason", "stop_reason") if name in part}

    @abstractmethod
    def _parts(self, choice: Choice, event: Progress) -> list[JSONObject]:
        """What an event adds to a choice, as the choices of chunks."""

    @abstractmethod
    def _whole(self, choice: Choice) -> JSONObject:
        """A choice of the whole answer, from its parts."""


def ended(part: JSONObject, end: Finished, reason: str) -> JSONObject:
    """A choice's last part; where a stop string ended the text, `stop_reason` tells which.

    Source: vLLM's OpenAI-compatible server, which names it so.
    """
    found = {} if end.stop is None else {"stop_reason": end.stop}
    return part | {"finish_reason": reason} | found


def spelled(token: bytes) -> str:
    """A token's text; a part of a character is U+FFFD."""
    return token.decode("utf-8", "replace")
