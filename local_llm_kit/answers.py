"""Answers in OpenAI's shape, as plain dicts: once for chunks, once for whole answers.

An `Answer` is fed an engine's events. It gives the chunks of a stream, and at the end the whole
answer, made from the same parts, so that the two agree. The client turns the dicts into objects,
the server into JSON. Keys that OpenAI's schema requires are there even where they are null.
"""

from __future__ import annotations

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from local_llm_kit.engines.protocol import (
    CallMade,
    Delta,
    Event,
    Failed,
    Finished,
    PromptScores,
    Thought,
    TokenScore,
)
from local_llm_kit.tools import ParsedCall, ToolCallParser, new_call_id

JSONObject = dict[str, Any]
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
        return chunk

    @abstractmethod
    def _parts(self, choice: Choice, event: Progress) -> list[JSONObject]:
        """What an event adds to a choice, as the choices of chunks."""

    @abstractmethod
    def _whole(self, choice: Choice) -> JSONObject:
        """A choice of the whole answer, from its parts."""


class ChatAnswer(Answer):
    """Answer of a chat completion.

    :param parse_tools: look for tool calls in the text.
    :param scores: whether log probabilities were asked for.
    """

    id_prefix = "chatcmpl"
    object = "chat.completion"
    chunk_object = "chat.completion.chunk"

    def __init__(
        self,
        model: str,
        n_choices: int,
        *,
        parse_tools: bool = False,
        scores: bool = False,
        stream: bool = False,
        include_usage: bool = False,
    ) -> None:
        super().__init__(model, n_choices, stream=stream, include_usage=include_usage)
        self._scores = scores
        self._parsers = [ToolCallParser() for _ in self.choices] if parse_tools else []
        self._n_calls = [0] * len(self.choices)
        self._waiting_scores: list[tuple[TokenScore, ...]] = [()] * len(self.choices)

    def _parts(self, choice: Choice, event: Progress) -> list[JSONObject]:
        i = choice.index
        if isinstance(event, Delta):
            if not self._parsers:
                return [self._part(choice, {"content": event.text}, event.scores)]
            self._waiting_scores[i] += event.scores
            return self._pieces(choice, self._parsers[i].feed(event.text))
        if isinstance(event, CallMade):
            return self._pieces(choice, [ParsedCall(new_call_id(), event.name, event.arguments)])
        if isinstance(event, Thought):
            return [self._part(choice, {"reasoning_content": event.text}, ())]
        if isinstance(event, PromptScores):
            return []  # OpenAI's chat shape has no place for them, and nothing asks for them
        parts = self._pieces(choice, self._parsers[i].flush()) if self._parsers else []
        choice.end = event
        reason = event.reason
        ending = "tool_calls" if self._n_calls[i] and reason == "stop" else reason
        delta = {} if choice.parts or parts else {"content": ""}
        last = self._part(choice, delta, self._take_scores(i), first=not (choice.parts or parts))
        return [*parts, last | {"finish_reason": ending}]

    def _pieces(self, choice: Choice, pieces: list[str | ParsedCall]) -> list[JSONObject]:
        parts: list[JSONObject] = []
        for piece in pieces:
            if isinstance(piece, str):
                delta: JSONObject = {"content": piece}
            else:
                delta = {"tool_calls": [self._call(choice, piece)]}
            first = not choice.parts and not parts
            scores = self._take_scores(choice.index)
            parts.append(self._part(choice, delta, scores, first=first))
        return parts

    def _call(self, choice: Choice, call: ParsedCall) -> JSONObject:
        place = self._n_calls[choice.index]
        self._n_calls[choice.index] += 1
        function = {"name": call.name, "arguments": call.arguments}
        return {"index": place, "id": call.id, "type": "function", "function": function}

    def _take_scores(self, index: int) -> tuple[TokenScore, ...]:
        scores = self._waiting_scores[index]
        self._waiting_scores[index] = ()
        return scores

    def _part(
        self,
        choice: Choice,
        delta: JSONObject,
        scores: tuple[TokenScore, ...],
        first: bool | None = None,
    ) -> JSONObject:
        if first is None:
            first = not choice.parts
        if first:
            delta = {"role": "assistant", "content": None, "refusal": None} | delta
        logprobs = None
        if self._scores and scores:
            logprobs = {"content": [_chat_score(score) for score in scores], "refusal": None}
        return {
            "index": choice.index,
            "delta": delta,
            "logprobs": logprobs,
            "finish_reason": None,
        }

    def _whole(self, choice: Choice) -> JSONObject:
        deltas = [part["delta"] for part in choice.parts]
        texts = [delta["content"] for delta in deltas if delta.get("content") is not None]
        calls = [
            {name: value for name, value in call.items() if name != "index"}
            for delta in deltas
            for call in delta.get("tool_calls", ())
        ]
        message: JSONObject = {
            "role": "assistant",
            "content": "".join(texts) if texts else None,
            "refusal": None,
        }
        if calls:
            message["tool_calls"] = calls
        thoughts = [delta["reasoning_content"] for delta in deltas if "reasoning_content" in delta]
        if thoughts:
            message["reasoning_content"] = "".join(thoughts)
        scores = [
            score
            for part in choice.parts
            if part["logprobs"]
            for score in part["logprobs"]["content"]
        ]
        return {
            "index": choice.index,
            "message": message,
            "logprobs": {"content": scores, "refusal": None} if self._scores else None,
            "finish_reason": choice.parts[-1]["finish_reason"],
        }


class CompletionAnswer(Answer):
    """Answer of a text completion.

    :param echoes: texts to put before the answers, one a prompt; empty for none.
    :param scores: whether log probabilities were asked for.
    """

    id_prefix = "cmpl"
    object = "text_completion"
    chunk_object = "text_completion"

    def __init__(
        self,
        model: str,
        n_choices: int,
        n_prompts: int,
        *,
        echoes: Sequence[str] = (),
        scores: bool = False,
        stream: bool = False,
        include_usage: bool = False,
    ) -> None:
        super().__init__(model, n_choices, n_prompts, stream=stream, include_usage=include_usage)
        self._echoes = echoes
        self._scores = scores
        self._offsets = [0] * len(self.choices)

    def start(self) -> list[JSONObject]:
        """The echoed prompts."""
        chunks: list[JSONObject] = []
        for choice in self.choices if self._echoes else ():
            self._keep(choice, self._part(choice, self._echoes[choice.prompt], ()), chunks)
        return chunks

    def _parts(self, choice: Choice, event: Progress) -> list[JSONObject]:
        if isinstance(event, Delta):
            return [self._part(choice, event.text, event.scores)]
        if not isinstance(event, Finished):
            return []
        choice.end = event
        return [self._part(choice, "", ()) | {"finish_reason": event.reason}]

    def _part(self, choice: Choice, text: str, scores: tuple[TokenScore, ...]) -> JSONObject:
        logprobs = self._logprobs(choice, scores) if scores and self._scores else None
        return {"index": choice.index, "text": text, "logprobs": logprobs, "finish_reason": None}

    def _logprobs(self, choice: Choice, scores: tuple[TokenScore, ...]) -> JSONObject:
        tokens = [_spelled(score.token) for score in scores]
        offsets = []
        for token in tokens:
            offsets.append(self._offsets[choice.index])
            self._offsets[choice.index] += len(token)
        return {
            "tokens": tokens,
            "token_logprobs": [score.logprob for score in scores],
            "top_logprobs": [_top_by_text(score) for score in scores],
            "text_offset": offsets,
        }

    def _whole(self, choice: Choice) -> JSONObject:
        logprobs: JSONObject | None = None
        if self._scores:
            names = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
            pieces = [part["logprobs"] for part in choice.parts if part["logprobs"]]
            logprobs = {name: [item for piece in pieces for item in piece[name]] for name in names}
        return {
            "index": choice.index,
            "text": "".join(part["text"] for part in choice.parts),
            "logprobs": logprobs,
            "finish_reason": choice.parts[-1]["finish_reason"],
        }


def _spelled(token: bytes) -> str:
    return token.decode("utf-8", "replace")


def _chat_score(score: TokenScore) -> JSONObject:
    return _one_score(score.token, score.logprob) | {
        "top_logprobs": [_one_score(token, logprob) for token, logprob in score.top]
    }


def _one_score(token: bytes, logprob: float) -> JSONObject:
    return {"token": _spelled(token), "logprob": logprob, "bytes": list(token)}


def _top_by_text(score: TokenScore) -> dict[str, float]:
    """The likeliest tokens by their text, the chosen one among them."""
    top: dict[str, float] = {}
    for token, logprob in (*score.top, (score.token, score.logprob)):
        top.setdefault(_spelled(token), logprob)
    return top
