"""The context window as a client sees it: counts what it is about to send, and cuts it to fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from LLM.codec import encode_body
from LLM.config import LLMConfig
from LLM.overflow import (
    NOTE_TOKENS,
    ChatMessage,
    Count,
    Overflow,
    Summarise,
    check_policy,
    fit_messages,
)
from LLM.summary import Summariser

#: Estimate of a picture, a sound or a file: about what the largest picture takes.
MEDIA_TOKENS = 1600
#: Estimate of an answer whose length nobody bounds, where a quarter of the window is no less.
ANSWER_TOKENS = 1024

#: Has a model answer a conversation within a number of tokens; gives the text. It is handed to each
#: call: held, it would hold the client, which then would not end when it is dropped.
Ask = Callable[[str, list[dict[str, Any]], int], str]

_TEXT_PARTS = frozenset(("text", "refusal"))


def estimate_prompt_tokens(messages: Sequence[ChatMessage]) -> int:
    """A guess at the tokens of a conversation, rather too high than too low.

    Three bytes of its JSON a token: English has 4.3 bytes of text a token with today's
    vocabularies, program code and Chinese about 3. The JSON's own marks stand for the template's.
    """
    n_media = sum(_n_media(message.get("content")) for message in messages)
    texts = [_without_media(message) for message in messages]
    return -(-len(encode_body({"messages": texts})) // 3) + n_media * MEDIA_TOKENS


def _n_media(content: Any) -> int:
    return sum(map(_is_media, content)) if isinstance(content, list) else 0


def _is_media(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") not in _TEXT_PARTS


def _without_media(message: ChatMessage) -> ChatMessage:
    if not _n_media(message.get("content")):
        return message
    texts = [part for part in message["content"] if not _is_media(part)]
    return {**message, "content": texts}


class Window:
    """Fits calls into the context length that a client is told of.

    :param config: its `context_length`, and the policy of calls that name none.
    :param count_tokens: tokens of a list of messages; None estimates.
    :param summarise: text for a list of dropped messages; None asks the model.
    """

    def __init__(
        self, config: LLMConfig, count_tokens: Count | None, summarise: Summarise | None
    ) -> None:
        self._context_length = config.context_length
        self._policy = config.overflow
        self._count = count_tokens or estimate_prompt_tokens
        self._estimated = count_tokens is None
        self._summarise = summarise

    def fit(self, fields: dict[str, Any], overflow: Any, ask: Ask) -> Overflow | None:
        """Cut the messages of a call, in place; without a context length, leave it to the server.

        :param fields: the call's fields; `messages` are replaced when they are cut.
        :param overflow: the call's own policy; None takes the config's.
        :param ask: writes summaries, unless the client was given something that does.
        :return: what was dropped; None when nothing was.
        :raises InvalidRequestError: no such policy.
        :raises LLMContextLengthError: the call does not fit, and the policy cannot make it.
        """
        policy = self._policy if overflow is None else check_policy(overflow)
        if self._context_length is None:
            if overflow is not None:
                # Whoever knows the window may cut: a server of ours takes the policy.
                fields["overflow"] = policy
            return None
        fields["messages"], report = fit_messages(
            fields["messages"],
            max(0, self._context_length - self._reserved(fields, self._context_length)),
            self._count,
            policy,
            summarise=self._summarise or self._summariser(ask, fields, self._context_length),
            estimated=self._estimated,
        )
        return report

    def _reserved(self, fields: Mapping[str, Any], context_length: int) -> int:
        """Tokens for the answer, and for what else stands in the prompt."""
        asked = fields.get("max_tokens") or fields.get("max_completion_tokens")
        n_answer = asked if isinstance(asked, int) else min(ANSWER_TOKENS, context_length // 4)
        others = {name: fields.get(name) for name in ("tools", "functions", "response_format")}
        return n_answer + len(encode_body(others)) // 3

    def _summariser(self, ask: Ask, fields: Mapping[str, Any], context_length: int) -> Summarise:
        n_answer = min(NOTE_TOKENS, context_length // 4)
        return Summariser(
            lambda messages: ask(fields["model"], messages, n_answer),
            self._count,
            context_length - n_answer,
        )
