"""A model's window: what of a conversation is sent when it is too long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from LLM.overflow import NOTE_TOKENS, Overflow, OverflowPolicy, fit_messages
from LLM.summary import Summariser

#: Tokens kept free for an answer whose length nobody bounds, or a quarter of the window.
ANSWER_TOKENS = 1024

#: Has the model answer messages within a number of tokens; gives the text.
Ask = Callable[[list[dict[str, Any]], int], str]


def fit_window(
    messages: Sequence[Mapping[str, Any]],
    policy: OverflowPolicy,
    *,
    context_length: int,
    max_tokens: int | None,
    count: Callable[[Sequence[Mapping[str, Any]]], int],
    ask: Ask,
) -> tuple[list[Mapping[str, Any]], Overflow | None]:
    """Cut a conversation so that it leaves room for its answer.

    :param policy: not ``error``, under which nothing is cut and nothing kept free.
    :param context_length: the window in tokens.
    :param max_tokens: kept free for the answer; None, or as many as the window has, keeps a
        sensible number free.
    :param count: tokens of the prompt that messages make.
    :param ask: writes summaries.
    :return: the messages to send, and what was dropped: None when everything fits.
    :raises LLMContextLengthError: what may not be dropped does not fit.
    """
    if max_tokens is None or max_tokens >= context_length:
        max_tokens = min(ANSWER_TOKENS, context_length // 4)
    n_note = min(NOTE_TOKENS, context_length // 4)
    return fit_messages(
        messages,
        context_length - max_tokens,
        count,
        policy,
        summarise=Summariser(lambda asked: ask(asked, n_note), count, context_length - n_note),
    )
