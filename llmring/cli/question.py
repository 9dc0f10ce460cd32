"""A question asked of a ring, from the shell: the answer, and what is to be known before it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmring.caller import DEFAULT_ALIAS
from llmring.cli.notes import demonstration_note, failure_note
from llmring.schemas import LLMResponse
from llmring.service import LLMRing
from local_llm_kit.cli.terminal import Output, note


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    :param model: an alias or a model; None for the default alias.
    :param profile: None for the one in use.
    :param fields: further fields of `LLMRequest`.
    """

    model: str | None
    profile: str | None
    messages: list[dict[str, Any]]
    fields: Mapping[str, Any] = field(default_factory=dict)


def answer(question: Question) -> LLMResponse:
    """The whole answer.

    :raises LLMError: nobody answers.
    :raises KeyboardInterrupt: Ctrl-C was pressed; the call has ended.
    """
    return asyncio.run(_answer(question))


def write_answer(question: Question) -> LLMResponse:
    """The answer, written on standard output as it arrived.

    :raises LLMError: nobody answers, or the answer is cut.
    :raises KeyboardInterrupt: as `answer`.
    :raises OSError: nobody reads, or nothing can be written.
    """
    return asyncio.run(_write_answer(question))


async def _answer(question: Question) -> LLMResponse:
    async with LLMRing(origin="llmring chat") as ring:
        model = _chosen(ring, question)
        response = await ring.chat(
            model, question.profile, messages=question.messages, **question.fields
        )
    _note(failure_note(response.attempts))
    return response


async def _write_answer(question: Question) -> LLMResponse:
    out, is_first = Output(sys.stdout), True
    async with LLMRing(origin="llmring chat") as ring:
        model = _chosen(ring, question)
        stream = ring.chat_stream(
            model, question.profile, messages=question.messages, **question.fields
        )
        async with stream:
            try:
                async for chunk in stream:
                    if is_first:
                        _note(failure_note(stream.attempts))
                        is_first = False
                    out.write_dimly(chunk.reasoning or "")
                    out.write(chunk.delta)
            finally:
                out.end_line()
            return await stream.response


def default_model(ring: LLMRing, profile: str | None) -> str:
    """What is asked where nothing is named: the ring's default alias, else the profile's first one.

    :raises LockfileError: no such profile.
    """
    aliases = ring.list_aliases(profile)
    return DEFAULT_ALIAS if DEFAULT_ALIAS in aliases else next(iter(aliases), DEFAULT_ALIAS)


def _chosen(ring: LLMRing, question: Question) -> str:
    """What is asked. It is told where that is no model that knows much.

    :raises LLMRingError: no such alias or profile, or none of its models can be asked.
    """
    named = question.model
    model = default_model(ring, question.profile) if named is None else named
    _note(demonstration_note(ring, model, question.profile))
    return model


def _note(text: str | None) -> None:
    if text is not None:
        note(text)
