"""Rounds of tools: a model calls them, is told what they gave, and goes on, until it answers."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from llmring.caller import DEFAULT_ALIAS
from llmring.exceptions import LLMRingError, ProviderRequestError
from llmring.mcp.client.calls import CallSettings, RoundOfCalls
from llmring.mcp.client.events import Event, TurnEnded
from llmring.mcp.client.telling import in_words, shows_more_than_text
from llmring.mcp.client.turn import Turn
from llmring.mcp.tools import Tool
from llmring.schemas import LLMRequest, LLMResponse, Message, StreamChunk
from llmring.service import LLMRing

_logger = logging.getLogger("llmring.tools")


class Rounds:
    """Makes turns.

    Each round asks the ring anew, so any of the alias's models may answer it. After the last round
    the model is asked once more, to answer without tools: one that repeats the same call for ever
    still comes to an end.

    :param ring: asks the models.
    :param calls: how tools are called.
    :param max_rounds: most rounds of tools in a turn; 0 lets none be called.
    """

    def __init__(self, ring: LLMRing, calls: CallSettings, max_rounds: int) -> None:
        self._ring = ring
        self._calls = calls
        self._max_rounds = max_rounds

    async def events(
        self,
        request: LLMRequest,
        profile: str | None,
        tools: Mapping[str, Tool],
        *,
        streamed: bool,
    ) -> AsyncGenerator[Event, None]:
        """What happens until the model has answered; the last event is the end of the turn.

        Leaving the iteration ends the model's work and all calls that run.

        :param request: the conversation, and the tools that the provider itself runs.
        :param tools: those that can be called, by name.
        :param streamed: tell the pieces of the model's text.
        :raises LLMRingError: no model answered. ``details["messages"]`` has the calls and results
            of the rounds before.
        """
        messages = list(request.messages)
        asking = _Asking(self._ring, profile, streamed=streamed)
        answers: list[LLMResponse] = []
        for number in range(1, self._max_rounds + 2):
            is_last = number > self._max_rounds
            asked = _asked(request, messages, tools, number, is_last=is_last)
            try:
                async with aclosing(asking.answer(asked)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, StreamChunk):
                            yield piece
                        else:
                            answers.append(piece)
            except LLMRingError as err:
                err.details["messages"] = messages[len(request.messages) :]
                raise
            answer = answers[-1]
            if is_last and answer.tool_calls:
                # It was told not to; a conversation with a call that has no result is refused.
                answer = answers[-1] = answer.model_copy(update={"tool_calls": None})
            messages.append(answer.to_message())
            if not answer.tool_calls:
                break
            calls = RoundOfCalls(answer.tool_calls, tools, self._calls, number)
            async with aclosing(calls.events()) as events:
                async for event in events:
                    yield event
            messages += [
                Message(role="tool", tool_call_id=call.get("id"), content=result.content or "done")
                for call, result in zip(answer.tool_calls, calls.results, strict=True)
            ]
        added = messages[len(request.messages) :]
        limited = 0 < self._max_rounds < len(answers)
        yield TurnEnded(Turn.of(answers, added, limited=limited))


class _Asking:
    """Asks the ring, and remembers whether its models see what tools show."""

    def __init__(self, ring: LLMRing, profile: str | None, *, streamed: bool) -> None:
        self._ring = ring
        self._profile = profile
        self._streamed = streamed
        self._sees: bool | None = None

    async def answer(self, request: LLMRequest) -> AsyncGenerator[StreamChunk | LLMResponse, None]:
        """The pieces of the model's answer, where they are told, and then the whole of it."""
        if not shows_more_than_text(request.messages):
            pieces = self._pieces(request)
        elif await self._can_see(request.model):
            pieces = self._shown(request)
        else:
            pieces = self._pieces(_without_images(request))
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _shown(self, request: LLMRequest) -> AsyncGenerator[StreamChunk | LLMResponse, None]:
        """The answer to a request with images that tools gave; in words where they are refused."""
        has_begun = False
        try:
            async with aclosing(self._pieces(request)) as pieces:
                async for piece in pieces:
                    has_begun = True
                    yield piece
        except ProviderRequestError as err:
            if has_begun:
                raise
            _logger.warning(
                "a request with images from tools was refused (%s); they are described instead",
                type(err).__name__,
            )
            self._sees = False
        else:
            return
        async with aclosing(self._pieces(_without_images(request))) as pieces:
            async for piece in pieces:
                yield piece

    async def _pieces(self, request: LLMRequest) -> AsyncGenerator[StreamChunk | LLMResponse, None]:
        if not self._streamed:
            yield await self._ring.chat(request, self._profile)
            return
        async with self._ring.chat_stream(request, self._profile) as stream:
            async for chunk in stream:
                yield chunk
            yield await stream.response

    async def _can_see(self, model: str | None) -> bool:
        """Whether the model that is asked first may take images; where that is not known, it may.

        :param model: what the request names.
        """
        if self._sees is None:
            facts = await self._ring.get_enhanced_model_info(model or DEFAULT_ALIAS, self._profile)
            self._sees = facts.get("supports_vision") is not False
        return self._sees


def _asked(
    request: LLMRequest,
    messages: list[Message],
    tools: Mapping[str, Tool],
    number: int,
    *,
    is_last: bool,
) -> LLMRequest:
    """The request of a round."""
    offered = [*(request.tools or ()), *(tool.to_dict() for tool in tools.values())]
    changes: dict[str, Any] = {"messages": list(messages), "tools": offered or None}
    if is_last and offered:
        # The tools stay: providers refuse calls in a conversation without any, and the prompt's
        # beginning stays the same, which their caches need.
        changes["tool_choice"] = "none"
    elif number > 1:
        # A call that the caller wants is made by then; it would be asked for in every round.
        changes["tool_choice"] = None
    return request.model_copy(update=changes)


def _without_images(request: LLMRequest) -> LLMRequest:
    return request.model_copy(update={"messages": in_words(request.messages)})
