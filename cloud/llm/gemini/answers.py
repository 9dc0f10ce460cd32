"""From Gemini's answers to events: the same for a whole answer and for the events of a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from cloud.llm.events import (
    Finish,
    ReasoningDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from cloud.llm.gemini.wire import (
    Candidate,
    FunctionCall,
    GenerateContentResponse,
    Part,
    PromptFeedback,
)
from cloud.llm.types import GOOGLE_SIGNATURE
from LLM.codec import Source
from LLM.exceptions import InvalidRequestError, LLMContentFilterError, LLMError
from LLM.secrets import scrub
from LLM.types import CompletionTokensDetails, PromptTokensDetails, Usage

_FILTERED = (
    "SAFETY RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII ESCALATION MODEL_ARMOR "
    "IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION"
)
#: Google's reasons in OpenAI's words; what is not here stays as it is.
_REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",  # the limit of one request; a token to go on with is in `raw`
    **dict.fromkeys(_FILTERED.split(), "content_filter"),
}
#: With these the model has failed to answer, so an answer without content is none.
_FAILURES = frozenset(
    {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "OTHER"}
    | {"TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE"}
)
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9_-]+")


class AnswerReader:
    """Tells one answer in events, as its parts arrive.

    :param status: HTTP status of the answer, for errors.
    """

    def __init__(self, status: int, source: Source) -> None:
        #: Whether a candidate has arrived.
        self.answered = False
        #: Whether the model has ended its answer.
        self.finished = False
        #: Whether text or a call has arrived.
        self.has_content = False
        self._status = status
        self._source = source
        self._id: str | None = None
        self._started = False
        self._counted = False
        self._told_reason = ""
        self._n_calls = 0
        self._block = 0
        self._in_block = False

    def events(self, answer: GenerateContentResponse) -> Iterator[StreamEvent]:
        """What `answer` adds.

        :raises LLMContentFilterError: the prompt was blocked.
        :raises LLMResponseError: the model failed to answer.
        :raises InvalidRequestError: it did because a signature is missing in the conversation.
        """
        if not self._started:
            self._started, self._id = True, answer.response_id
            yield Start(answer.model_version or "", answer.response_id)
        if not answer.candidates:
            feedback = answer.prompt_feedback
            if feedback and feedback.block_reason:
                raise self._blocked(feedback)
        for candidate in answer.candidates or ():
            if not candidate.index:
                yield from self._candidate(candidate)
        # Every event brings counts: the first tells what the prompt has cost, the last the rest.
        if answer.usage_metadata and (self.finished or not self._counted):
            update = _usage(answer.usage_metadata)
            if update is not None:
                self._counted = True
                yield update

    def _candidate(self, candidate: Candidate) -> Iterator[StreamEvent]:
        self.answered = True
        content = candidate.content
        for part in (content and content.parts) or ():
            # Nearly every part of a stream is text and nothing else.
            if part.text and not (part.thought or part.thought_signature or part.function_call):
                self._end_block()
                self.has_content = True
                yield TextDelta(part.text)
            else:
                yield from self._part(part)
        if candidate.finish_reason:
            reason = self._reason(candidate.finish_reason, candidate.finish_message)
            self.finished = True
            # Older models name one with every event; the last counts.
            if reason != self._told_reason:
                self._told_reason = reason
                yield Finish(reason)

    def _part(self, part: Part) -> Iterator[StreamEvent]:
        signature = part.thought_signature or ""
        if part.function_call is not None:
            self._end_block()
            self.has_content = True
            yield self._call(part.function_call, signature)
            return
        if signature:
            signature = GOOGLE_SIGNATURE + signature
        if part.thought:
            self._in_block = True
            yield ReasoningDelta(part.text or "", signature, index=self._block)
            if signature:
                self._end_block()
            return
        if part.text:
            self._end_block()
            self.has_content = True
            yield TextDelta(part.text)
        if signature:
            # The text's own signature, often in an empty part behind the text: a block apart.
            self._end_block()
            self._in_block = True
            yield ReasoningDelta("", signature, index=self._block)
            self._end_block()

    def _end_block(self) -> None:
        if self._in_block:
            self._block += 1
            self._in_block = False

    def _call(self, call: FunctionCall, signature: str) -> ToolCallDelta:
        index = self._n_calls
        self._n_calls += 1
        return ToolCallDelta(
            index,
            call.id or self._made_up_id(index),
            call.name,
            to_json(call.args or {}).decode(),
            {"google": {"thought_signature": signature}} if signature else None,
        )

    def _made_up_id(self, index: int) -> str:
        """An id that no other answer's call has: other providers refuse to see one twice.

        OpenAI takes 40 characters at most.
        """
        answer = _NOT_IN_ID.sub("", self._id or "")[:28]
        return f"call_{answer}_{index}" if answer else f"call_{index}"

    def _reason(self, reason: str, message: str | None) -> str:
        if reason in _FAILURES and not self.has_content:
            raise self._failed(reason, message)
        if reason == "STOP" and self._n_calls:
            return "tool_calls"
        return _REASONS.get(reason, reason)

    def _failed(self, reason: str, message: str | None) -> LLMError:
        said = f": {self._source.excerpt(message.encode(errors='replace'))}" if message else ""
        text = f"ended the answer with {reason}, before any content{said}"
        if reason == "MISSING_THOUGHT_SIGNATURE":
            return InvalidRequestError(
                f"{self._source.provider} {text}; give assistant turns as response.to_message() "
                "makes them",
                status_code=self._status,
                provider=self._source.provider,
                model=self._source.model,
                code=reason,
            )
        return self._source.error(text, status_code=self._status, code=reason)

    def _blocked(self, feedback: PromptFeedback) -> LLMContentFilterError:
        source = self._source
        reason = source.excerpt((feedback.block_reason or "").encode(errors="replace"))
        said = source.excerpt((feedback.block_reason_message or "").encode(errors="replace"))
        return LLMContentFilterError(
            f"{source.provider} blocked the prompt ({reason})" + (f": {said}" if said else ""),
            status_code=self._status,
            provider=source.provider,
            model=source.model,
            body=scrub({"promptFeedback": feedback.model_dump(by_alias=True)}, source.secret),
            code=reason,
        )


def _usage(counts: dict[str, Any]) -> UsageUpdate | None:
    """Google's counts in OpenAI's shape; None when there are none.

    What tools that Google ran have put before the model counts as prompt, as it is billed.
    """
    prompt, of_tools = _count(counts, "promptTokenCount"), _count(counts, "toolUsePromptTokenCount")
    told, thoughts = _count(counts, "candidatesTokenCount"), _count(counts, "thoughtsTokenCount")
    cached = _count(counts, "cachedContentTokenCount")
    total = _count(counts, "totalTokenCount") or prompt + of_tools + told + thoughts
    if not total:
        return None
    usage = Usage(
        prompt_tokens=prompt + of_tools,
        completion_tokens=told + thoughts,
        total_tokens=total,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=cached) if cached else None,
        completion_tokens_details=(
            CompletionTokensDetails(reasoning_tokens=thoughts) if thoughts else None
        ),
        **({"tool_use_prompt_tokens": of_tools} if of_tools else {}),
    )
    return UsageUpdate(usage, prompt)


def _count(counts: dict[str, Any], name: str) -> int:
    """A count; 0 where proto3 leaves it out, and where it is none."""
    value = counts.get(name)
    return value if type(value) is int and value > 0 else 0
