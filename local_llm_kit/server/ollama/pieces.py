"""From OpenAI's chunks to what Ollama's API tells in one object: text, thoughts, calls, scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from LLM.exceptions import LLMServerError
from local_llm_kit.backends import JSONObject
from local_llm_kit.server.calls import call_arguments


@dataclass(slots=True)
class Piece:
    """What some chunks add to an answer.

    :param calls: whole tool calls, their arguments as objects.
    :param scores: log probabilities, a token each.
    """

    text: str = ""
    thinking: str = ""
    calls: list[JSONObject] = field(default_factory=list)
    scores: list[JSONObject] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.text or self.thinking or self.calls or self.scores)


def joined(pieces: Sequence[Piece]) -> Piece:
    """The piece that pieces make together."""
    return Piece(
        "".join(piece.text for piece in pieces),
        "".join(piece.thinking for piece in pieces),
        [call for piece in pieces for call in piece.calls],
        [score for piece in pieces for score in piece.scores],
    )


class ChunkReader:
    """Reads the chunks of one answer with one choice.

    :param n_top: likeliest tokens that were asked for, of a text completion; its chunks tell the
        chosen one among them.

    :ivar model: name of the model that answers.
    :ivar reason: why the answer ended, in OpenAI's words; None before.
    :ivar usage: token counts; empty before they are told.
    :ivar notes: what else was told of the answer, such as ``overflow``.
    """

    def __init__(self, n_top: int = 0) -> None:
        self.model = ""
        self.reason: str | None = None
        self.usage: JSONObject = {}
        self.notes: JSONObject = {}
        self._n_top = n_top
        self._n_calls = 0
        self._call: JSONObject | None = None  # under way: its arguments are not whole yet

    def read(self, chunks: Iterable[JSONObject]) -> Piece:
        """What chunks add.

        :raises LLMServerError: the model called a tool with what is no JSON object.
        """
        piece = Piece()
        for chunk in chunks:
            self.model = chunk["model"]
            self.usage = chunk.get("usage") or self.usage
            if "overflow" in chunk:
                self.notes["overflow"] = chunk["overflow"]
            for choice in chunk["choices"]:
                self._read_choice(choice, piece)
        return piece

    def _read_choice(self, choice: Mapping[str, Any], piece: Piece) -> None:
        delta = choice.get("delta", {})
        piece.text += choice.get("text") or delta.get("content") or ""
        piece.thinking += delta.get("reasoning_content") or ""
        piece.scores += self._scores(choice.get("logprobs"))
        for call in delta.get("tool_calls", ()):
            self._read_call(call, piece)
        self.reason = choice["finish_reason"]
        if self.reason is not None:
            self._end_call(piece)

    def _read_call(self, call: Mapping[str, Any], piece: Piece) -> None:
        if "id" in call:
            self._end_call(piece)
            self._call = {"id": call["id"], "name": call["function"]["name"], "arguments": ""}
        assert self._call is not None
        self._call["arguments"] += call["function"]["arguments"]

    def _end_call(self, piece: Piece) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        try:
            arguments = call_arguments(call["name"], call["arguments"])
        except LLMServerError:
            if self.reason == "length":  # one that was cut short is no call; the reason tells
                return
            raise
        function = {"index": self._n_calls, "name": call["name"], "arguments": arguments}
        piece.calls.append({"id": call["id"], "function": function})
        self._n_calls += 1

    def _scores(self, told: Mapping[str, Any] | None) -> list[JSONObject]:
        if not told:
            return []
        if "content" in told:
            return [_chat_score(score) for score in told["content"]]
        tops = told["top_logprobs"] or [{}] * len(told["tokens"])
        return [
            {"token": token, "logprob": logprob, "top_logprobs": self._top(top)}
            for token, logprob, top in zip(
                told["tokens"], told["token_logprobs"], tops, strict=True
            )
        ]

    def _top(self, told: Mapping[str, float]) -> list[JSONObject]:
        likeliest = sorted(told.items(), key=lambda item: -item[1])[: self._n_top]
        return [{"token": token, "logprob": logprob} for token, logprob in likeliest]


def _chat_score(score: Mapping[str, Any]) -> JSONObject:
    return {name: score[name] for name in ("token", "logprob", "bytes", "top_logprobs")}
