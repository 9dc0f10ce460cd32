"""How the Responses API tells an answer: one object, whole or as it grows from event to event."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from LLM.exceptions import InvalidRequestError, LLMError, LLMRateLimitError
from local_llm_kit.backends import JSONObject
from local_llm_kit.server.responses.items import new_id
from local_llm_kit.server.responses.output import Output
from local_llm_kit.server.shapes import EVENT_STREAM, event

Status = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]

#: Of OpenAI's codes for responses that fail, those that fit.
_CODES = ((LLMRateLimitError, "rate_limit_exceeded"), (InvalidRequestError, "invalid_prompt"))
#: What an answer that is not complete has come to. Its client has left one that is cancelled.
_ENDINGS: Mapping[str | None, Status] = {"length": "incomplete", "cancelled": "cancelled"}
_OVER = frozenset(("completed", "incomplete", "failed", "cancelled"))


class ResponseShape:
    """Tells one response; see `Shape`.

    :param echo: what the response repeats of its request.
    :param model: name of the model that answers, as far as it is known.
    :param keep: is given the response in every state that others may ask for.
    """

    media_type = EVENT_STREAM

    def __init__(self, echo: JSONObject, model: str, keep: Callable[[JSONObject], None]) -> None:
        self.id = new_id("resp")
        self.model = model
        self.status: Status = "in_progress"
        self._echo = echo
        self._keep = keep
        self._created_at = int(time.time())
        self._output = Output()
        self._usage: JSONObject | None = None
        self._notes: JSONObject = {}
        self._error: JSONObject | None = None
        self._completed_at: int | None = None
        self._n_events = 0

    @property
    def is_background(self) -> bool:
        """Whether it is made while nobody waits."""
        return bool(self._echo["background"])

    @property
    def is_over(self) -> bool:
        """Whether nothing can change any more."""
        return self.status in _OVER

    def response(self) -> JSONObject:
        """The response as it is now."""
        is_cut = self.status == "incomplete"
        response = {
            "id": self.id,
            "object": "response",
            "created_at": self._created_at,
            "status": self.status,
            "completed_at": self._completed_at,
            "error": self._error,
            "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
            "model": self.model,
            "output": self._output.items(),
            **self._echo,
            **self._notes,
        }
        if self._usage is not None:  # OpenAI's schema has no place for a null
            response["usage"] = self._usage
        return response

    def keep(self, status: Status) -> JSONObject:
        """The response in a new state, which is kept."""
        self.status = status
        response = self.response()
        self._keep(response)
        return response

    def whole(self, answer: JSONObject) -> JSONObject:
        """The whole response, of the chunks that came."""
        self._finish()
        return self.response()

    def begin(self) -> bytes:
        """The events before anything was computed."""
        return self._told([self._state("created"), self._state("in_progress")])

    def chunks(self, chunks: Sequence[JSONObject]) -> bytes:
        """The events of some chunks."""
        events: list[JSONObject] = []
        for chunk in chunks:
            self.model = chunk["model"]
            if "overflow" in chunk:
                self._notes["overflow"] = chunk["overflow"]
            if chunk.get("usage"):
                self._usage = _usage(chunk["usage"])
            for choice in chunk["choices"]:
                events += self._output.add(choice)
        return self._told(events)

    def end(self) -> bytes:
        """The events of the end."""
        events = self._finish()
        return self._told([*events, self._state(self.status)])

    def failure(self, error: LLMError) -> bytes:
        """The events of a response that fails; it is kept too."""
        events = self._output.close("incomplete")
        code = next((code for cls, code in _CODES if isinstance(error, cls)), "server_error")
        self._error = {"code": code, "message": error.message}
        self.keep("failed")
        return self._told([*events, self._state("failed")])

    def cancel(self) -> None:
        """End a response as far as it has come."""
        self._output.close("incomplete")
        self.keep("cancelled")

    def _finish(self) -> list[JSONObject]:
        status = _ENDINGS.get(self._output.finish_reason, "completed")
        events = self._output.close("completed" if status == "completed" else "incomplete")
        if status == "completed":
            self._completed_at = int(time.time())
        self.keep(status)
        return events

    def _state(self, name: str) -> JSONObject:
        return {"type": f"response.{name}", "response": self.response()}

    def _told(self, events: Iterable[JSONObject]) -> bytes:
        told = []
        for one in events:
            told.append(event(one | {"sequence_number": self._n_events}, one["type"]))
            self._n_events += 1
        return b"".join(told)


def _usage(usage: JSONObject) -> JSONObject:
    """Token counts, by the names that this API has for them."""
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {
            "cached_tokens": usage["prompt_tokens_details"]["cached_tokens"],
            "cache_write_tokens": 0,
        },
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {
            "reasoning_tokens": usage["completion_tokens_details"]["reasoning_tokens"]
        },
        "total_tokens": usage["total_tokens"],
    }
