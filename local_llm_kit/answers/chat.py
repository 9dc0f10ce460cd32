"""Answers of chat completions: text, thoughts, tool calls, and their log probabilities."""

from __future__ import annotations

from typing import Literal

from local_llm_kit.answers.base import Answer, Choice, Progress, ended, spelled
from local_llm_kit.backends import JSONObject
from local_llm_kit.engines.protocol import CallMade, Delta, PromptScores, Thought, TokenScore
from local_llm_kit.tools import MoreArguments, ParsedCall, Piece, ToolCallParser, new_call_id

#: How tool calls are looked for: not at all; as well as may be in text that a model wrote freely;
#: or for sure, in text that a grammar held.
Calls = Literal["none", "free", "held"]


class ChatAnswer(Answer):
    """Answer of a chat completion.

    :param calls: how tool calls are looked for in the text.
    :param legacy: give the call as OpenAI's older `function_call`.
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
        calls: Calls = "none",
        legacy: bool = False,
        scores: bool = False,
        stream: bool = False,
        include_usage: bool = False,
    ) -> None:
        super().__init__(model, n_choices, stream=stream, include_usage=include_usage)
        self._scores = scores
        self._legacy = legacy
        held = calls == "held"
        self._parsers = [ToolCallParser(held=held) for _ in self.choices] if calls != "none" else []
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
        parser = self._parsers[i] if self._parsers else None
        parts = self._pieces(choice, parser.flush()) if parser else []
        choice.end = event
        called = self._n_calls[i] and event.reason == "stop" and not (parser and parser.is_cut)
        calls_end = "function_call" if self._legacy else "tool_calls"
        first = not (choice.parts or parts)
        last = self._part(choice, {"content": ""} if first else {}, self._take_scores(i), first)
        return [*parts, ended(last, event, calls_end if called else event.reason)]

    def _pieces(self, choice: Choice, pieces: list[Piece]) -> list[JSONObject]:
        parts: list[JSONObject] = []
        for piece in pieces:
            delta = {"content": piece} if isinstance(piece, str) else self._call(choice, piece)
            first = not choice.parts and not parts
            parts.append(self._part(choice, delta, self._take_scores(choice.index), first))
        return parts

    def _call(self, choice: Choice, piece: ParsedCall | MoreArguments) -> JSONObject:
        """What a call, or more of the last one's arguments, adds to the message."""
        function: JSONObject = {"arguments": piece.arguments}
        head: JSONObject = {}
        if isinstance(piece, ParsedCall):
            self._n_calls[choice.index] += 1
            function = {"name": piece.name, **function}
            head = {"id": piece.id, "type": "function"}
        if self._legacy:
            return {"function_call": function}
        place = self._n_calls[choice.index] - 1
        return {"tool_calls": [{"index": place, **head, "function": function}]}

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
        scores = [
            score
            for part in choice.parts
            if part["logprobs"]
            for score in part["logprobs"]["content"]
        ]
        return {
            "index": choice.index,
            "message": _message([part["delta"] for part in choice.parts]),
            "logprobs": {"content": scores, "refusal": None} if self._scores else None,
            **self._ending(choice.parts[-1]),
        }


def _message(deltas: list[JSONObject]) -> JSONObject:
    """The message that a choice's deltas make."""
    texts = [delta["content"] for delta in deltas if delta.get("content") is not None]
    thoughts = [delta["reasoning_content"] for delta in deltas if "reasoning_content" in delta]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    functions = [delta["function_call"] for delta in deltas if "function_call" in delta]
    message: JSONObject = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": None,
    }
    if calls:
        message["tool_calls"] = [
            {**call, "function": _joined(calls, call["index"])} for call in calls if "id" in call
        ]
        for call in message["tool_calls"]:
            del call["index"]
    if functions:
        message["function_call"] = _function(functions)
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    return message


def _joined(calls: list[JSONObject], index: int) -> JSONObject:
    return _function([call["function"] for call in calls if call["index"] == index])


def _function(pieces: list[JSONObject]) -> JSONObject:
    return {
        "name": pieces[0]["name"],
        "arguments": "".join(piece["arguments"] for piece in pieces),
    }


def _chat_score(score: TokenScore) -> JSONObject:
    return _one_score(score.token, score.logprob) | {
        "top_logprobs": [_one_score(token, logprob) for token, logprob in score.top]
    }


def _one_score(token: bytes, logprob: float) -> JSONObject:
    return {"token": spelled(token), "logprob": logprob, "bytes": list(token)}
