"""The context window as a client sees it: counts what it is about to send, and cuts it to fit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from LLM.codec import encode_body
from LLM.config import LLMConfig
from LLM.overflow import NOTE_TOKENS, ChatMessage, Count, Overflow, check_policy, fitting
from LLM.steps import nested_steps
from LLM.summary import summarising

#: Estimate of a picture, a sound or a file: about what the largest picture takes.
MEDIA_TOKENS = 1600
#: Estimate of an answer whose length nobody bounds, where a quarter of the window is no less.
ANSWER_TOKENS = 1024

#: Writes the text for a list of messages; for an `AsyncLLM` it may give an awaitable of the text.
Write = Callable[[Sequence[ChatMessage]], str | Awaitable[str]]

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


@dataclass(frozen=True, slots=True)
class TextWanted:
    """A text that stands between a conversation and its call.

    :param messages: what `write` is given; without it, a conversation that the model is to answer.
    :param write: the function that the client was given; None to ask the model.
    :param model: the model to ask.
    :param max_tokens: most tokens of its answer.
    """

    messages: Sequence[ChatMessage]
    write: Write | None
    model: str
    max_tokens: int


class Window:
    """Fits calls into the context length that a client is told of.

    :param config: its `context_length`, and the policy of calls that name none.
    :param count_tokens: tokens of a list of messages; None estimates.
    :param summarise: text for a list of dropped messages; None asks the model.
    """

    def __init__(
        self,
        config: LLMConfig,
        count_tokens: Count | None,
        summarise: Write | None,
    ) -> None:
        self._context_length = config.context_length
        self._policy = config.overflow
        self._count = count_tokens or estimate_prompt_tokens
        self._estimated = count_tokens is None
        self._summarise = summarise

    def fit(
        self, fields: dict[str, Any], overflow: Any
    ) -> Generator[TextWanted, str, Overflow | None]:
        """Cut the messages of a call, in place; without a context length, leave it to the server.

        These are steps, see `LLM.steps`: each text that they ask for is sent to them.

        :param fields: the call's fields; `messages` are replaced when they are cut.
        :param overflow: the call's own policy; None takes the config's.
        :return: what was dropped; None when nothing was.
        :raises InvalidRequestError: no such policy.
        :raises LLMContextLengthError: the call does not fit, and the policy cannot make it.
        """
        policy = self._policy if overflow is None else check_policy(overflow)
        context_length = self._context_length
        if context_length is None:
            if overflow is not None:
                # Whoever knows the window may cut: a server of ours takes the policy.
                fields["overflow"] = policy
            return None
        fields["messages"], report = yield from nested_steps(
            fitting(
                fields["messages"],
                max(0, context_length - self._reserved(fields, context_length)),
                self._count,
                policy,
                estimated=self._estimated,
            ),
            lambda dropped: self._summary(dropped, fields["model"], context_length),
        )
        return report

    def _reserved(self, fields: Mapping[str, Any], context_length: int) -> int:
        """Tokens for the answer, and for what else stands in the prompt."""
        asked = fields.get("max_tokens") or fields.get("max_completion_tokens")
        n_answer = asked if isinstance(asked, int) else min(ANSWER_TOKENS, context_length // 4)
        others = {name: fields.get(name) for name in ("tools", "functions", "response_format")}
        return n_answer + len(encode_body(others)) // 3

    def _summary(
        self, dropped: Sequence[ChatMessage], model: str, context_length: int
    ) -> Generator[TextWanted, str, str]:
        n_answer = min(NOTE_TOKENS, context_length // 4)

        def ask(
            messages: Sequence[ChatMessage], write: Write | None = None
        ) -> Generator[TextWanted, str, str]:
            return (yield TextWanted(messages, write, model, n_answer))

        if self._summarise is not None:
            return (yield from ask(dropped, self._summarise))
        steps = summarising(dropped, self._count, context_length - n_answer)
        return (yield from nested_steps(steps, ask))
