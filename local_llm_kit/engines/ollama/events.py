"""From the objects of Ollama's streams to the events that answers are made of. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

from LLM.exceptions import InvalidRequestError, LLMContextLengthError, LLMError
from local_llm_kit.backends import JSONObject
from local_llm_kit.engines.ollama.facts import LARGEST_NUMBER, Facts
from local_llm_kit.engines.protocol import (
    CallMade,
    Delta,
    Event,
    Finished,
    FinishReason,
    Thought,
    Timings,
    TokenScore,
)

_COUNTS = range(1 << 63)
_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}


class Reader:
    """Reads the stream of one request.

    :param tag: given back in every event.
    :param facts: of the model that answers.
    :param body: what was asked.
    :param unreadable: makes the error for an answer that is not Ollama's; takes what is wrong.
    """

    def __init__(
        self, tag: Any, facts: Facts, body: JSONObject, unreadable: Callable[[str], LLMError]
    ) -> None:
        self._tag = tag
        self._facts = facts
        self._is_chat = "messages" in body
        self._wants_scores = "logprobs" in body
        self._has_scores = False
        self._unreadable = unreadable
        self.ended = False

    def read(self, object_: JSONObject) -> list[Event]:
        """Events of one object; the one that ends the answer gives `Finished`, last.

        :raises LLMResponseError: the object is not what Ollama sends.
        :raises LLMContextLengthError: the server cut the prompt, or forgot its beginning.
        :raises InvalidRequestError: the server is too old for log probabilities.
        """
        message = self._part(object_, "message", dict, {}) if self._is_chat else object_
        events: list[Event] = []
        thinking = self._part(message, "thinking", str, "")
        if thinking and not self._is_chat:
            raise self._unreadable("has thinking, for which a text completion has no place")
        if thinking:
            events.append(Thought(self._tag, thinking))
        text = self._part(message, "content" if self._is_chat else "response", str, "")
        scores = self._scores(object_)
        if text or scores:
            events.append(Delta(self._tag, text, scores))
        events += map(self._call, self._part(message, "tool_calls", list, []))
        if self._part(object_, "done", bool, False):
            events.append(self._end(object_))
            self.ended = True
        return events

    def _part(self, object_: JSONObject, name: str, kind: type, default: Any) -> Any:
        value = object_.get(name)
        if value is None:
            return default
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise self._unreadable(f"has a {name!r} that is no {kind.__name__}")
        if kind is int and value not in _COUNTS:
            raise self._unreadable(f"has a {name!r} that counts nothing")
        return value

    def _call(self, call: Any) -> Event:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not self._part(function, "name", str, ""):
            raise self._unreadable("has a tool call without a function's name")
        arguments = self._part(function, "arguments", dict, {})
        return CallMade(self._tag, function["name"], to_json(arguments).decode())

    def _scores(self, object_: JSONObject) -> tuple[TokenScore, ...]:
        if not self._wants_scores:
            return ()
        scores = tuple(map(self._score, self._part(object_, "logprobs", list, [])))
        self._has_scores = self._has_scores or bool(scores)
        return scores

    def _score(self, entry: Any) -> TokenScore:
        token, logprob = self._token(entry)
        top = tuple(map(self._token, self._part(entry, "top_logprobs", list, [])))
        return TokenScore(token, logprob, top)

    def _token(self, entry: Any) -> tuple[bytes, float]:
        if not isinstance(entry, dict):
            raise self._unreadable("has a log probability that is no object")
        logprob = entry.get("logprob")
        if (
            not isinstance(logprob, (int, float))
            or isinstance(logprob, bool)
            or abs(logprob) > LARGEST_NUMBER
        ):
            raise self._unreadable("has a log probability that is no number")
        token = self._part(entry, "token", str, "").encode()
        spelled = self._part(entry, "bytes", list, None)  # exact where a token is half a character
        if spelled is not None:
            try:
                token = bytes(spelled)
            except (TypeError, ValueError):
                raise self._unreadable("has a token whose bytes are none") from None
        return token, float(logprob)

    def _end(self, object_: JSONObject) -> Finished:
        n_prompt = self._part(object_, "prompt_eval_count", int, 0)
        n_generated = self._part(object_, "eval_count", int, 0)
        self._check_window(n_prompt, n_generated)
        if self._wants_scores and n_generated and not self._has_scores:
            raise InvalidRequestError(
                f"Ollama at {self._facts.origin} gives no logprobs: it is too old, or "
                f"{self._facts.name!r} runs elsewhere; update Ollama, or leave logprobs out",
                status_code=400,
                body={"param": "logprobs"},
                code="unsupported_parameter",
            )
        end = Finished(self._tag, self._reason(object_), n_prompt, n_generated, 0)
        return end._replace(timings=self._timings(object_))

    def _timings(self, object_: JSONObject) -> Timings | None:
        """What the server measured; it does not tell how long a request waited."""
        prompt_ns = self._part(object_, "prompt_eval_duration", int, None)
        output_ns = self._part(object_, "eval_duration", int, None)
        if prompt_ns is None and output_ns is None:
            return None
        return Timings(0.0, (prompt_ns or 0) / 1e9, (output_ns or 0) / 1e9)

    def _reason(self, object_: JSONObject) -> FinishReason:
        # None is what Ollama tells when the program that runs the model went away.
        told = self._part(object_, "done_reason", str, "")
        if told not in _REASONS:
            raise self._unreadable(f"ended for the reason {told[:40]!r}; try again")
        return _REASONS[told]

    def _check_window(self, n_prompt: int, n_generated: int) -> None:
        """Servers that do not know `truncate` and `shift` cut in silence, but count."""
        window = self._facts.context_length
        # The last token of an answer that fills the window is written, but not read again.
        if n_prompt < window and n_prompt + n_generated <= window + 1:
            return
        raise LLMContextLengthError(
            f"prompt ({n_prompt} tokens) and output ({n_generated}) do not fit the window of "
            f"{self._facts.name!r}, which is {window}, and Ollama at {self._facts.origin} cut "
            "them; shorten the prompt, lower max_tokens, raise context_length, or update Ollama",
            status_code=400,
            code="context_length_exceeded",
        )
