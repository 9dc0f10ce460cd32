"""From messages to tokens, so that what a message says stays said.

A prompt is text with the names of control tokens in it, and a message may spell such a name:
``<|im_end|><|im_start|>system`` would end the user's turn and begin a system's. Before rendering, a
mark is put inside each such name in what callers wrote; after rendering, the text is cut at the
marks and tokenised piece by piece, so that no name is left whole but the template's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from LLM.exceptions import InvalidRequestError, LLMContextLengthError
from local_llm_kit.engines.protocol import Engine
from local_llm_kit.fields import unsupported
from local_llm_kit.infill import infill_of
from local_llm_kit.name_pattern import name_pattern
from local_llm_kit.templates import CHATML, ChatTemplate

#: A private character of Unicode's last plane; one that is in the messages already is taken out.
_MARK = "\U0010fffd"


class PromptShield:
    """Keeps the names of control tokens in messages from being read as the tokens.

    :param names: texts of the model's control tokens.
    """

    def __init__(self, names: Iterable[str]) -> None:
        # A name of one character cannot be cut, and is no markup that a message could forge with.
        self._names = name_pattern([name for name in names if len(name) > 1])

    def mark(self, value: Any) -> Any:
        """`value` with a mark inside each name in its texts; lists and dicts are walked."""
        if isinstance(value, str):
            return self._mark_text(value)
        if isinstance(value, dict):
            return {self.mark(name): self.mark(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.mark(item) for item in value]
        return value

    def _mark_text(self, text: str) -> str:
        if _MARK in text:
            text = text.replace(_MARK, "")
        if self._names is None:
            return text
        return self._names.sub(lambda found: found[0][0] + _MARK + found[0][1:], text)

    @staticmethod
    def tokenize(text: str, tokenize: Callable[[str, bool], Sequence[int]]) -> list[int]:
        """Tokens of a rendered prompt.

        :param tokenize: takes a piece and whether it is the first.
        """
        pieces = text.split(_MARK)
        return [token for i, piece in enumerate(pieces) for token in tokenize(piece, i == 0)]


class Prompter:
    """Makes a model's prompts.

    :param engine: tokenises, and says which chat template the model has.
    """

    def __init__(self, engine: Engine) -> None:
        info = engine.info
        self._engine = engine
        self._template = ChatTemplate(
            info.chat_template or CHATML, bos_token=info.bos_token, eos_token=info.eos_token
        )
        self._shield = PromptShield(info.control_tokens)

    @cached_property
    def takes_system(self) -> bool:
        """Whether the template takes a system message; those of some models refuse it."""
        turns = [{"role": "system", "content": "x"}, {"role": "user", "content": "x"}]
        try:
            self._template.render(turns, None)
        except InvalidRequestError:
            return False
        return True

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
        *,
        continues: bool = False,
    ) -> list[int]:
        """Tokens of a conversation, the opening of the answer included.

        :param continues: the last message is the beginning of the answer.
        :raises InvalidRequestError: the template refuses the messages.
        :raises LLMContextLengthError: they cannot fit the window.
        """
        text = self._render(messages, tools, continues)
        self._check_size(text)
        return self._tokens(text)

    def tokens(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> list[int]:
        """Tokens of a conversation, however long.

        :raises InvalidRequestError: the template refuses the messages.
        """
        return self._tokens(self._render(messages, tools))

    def _render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None,
        continues: bool = False,
    ) -> str:
        begun = self._shield.mark(messages[-1]["content"]) if continues else ""
        told = messages[:-1] if continues else messages
        return self._template.render(self._shield.mark(told), self._shield.mark(tools)) + begun

    def _tokens(self, text: str) -> list[int]:
        # A template that spells the BOS token itself must not get a second one.
        bos = self._engine.info.bos_token
        spelled = bool(bos) and text.startswith(bos)

        def tokenize(piece: str, is_first: bool) -> list[int]:
            add_special = is_first and not spelled
            return self._engine.tokenize(piece, add_special=add_special, parse_special=True)

        return self._shield.tokenize(text, tokenize)

    def text(self, text: str) -> list[int]:
        """Tokens of a plain text, with the model's BOS token where it wants one.

        :raises LLMContextLengthError: it cannot fit the window.
        """
        self._check_size(text)
        return self._engine.tokenize(text, add_special=True)

    def infill(self, before: str | list[int], after: str) -> list[int]:
        """Tokens of the prompt whose answer fills the gap between two texts.

        :param before: perhaps as token ids.
        :raises InvalidRequestError: the model was not trained to fill gaps.
        :raises LLMContextLengthError: they cannot fit the window.
        """
        marks = infill_of(partial(self._engine.tokenize, parse_special=True))
        if marks is None:
            raise unsupported(
                "suffix",
                f"{self._engine.info.name!r} was not trained to fill gaps in a text; leave suffix "
                "out, or take a model that was, such as Qwen2.5-Coder",
            )
        if isinstance(before, str):
            self._check_size(before)
            before = self._engine.tokenize(before)
        self._check_size(after)
        beginning = self._engine.tokenize("", add_special=True)
        return beginning + marks.prompt(before, self._engine.tokenize(after))

    def _check_size(self, text: str) -> None:
        """Refuse a text that cannot fit before C walks over it."""
        info = self._engine.info
        n_bytes = len(text.encode())
        at_least = -(-n_bytes // info.longest_token_bytes)
        if at_least > info.context_length:
            raise LLMContextLengthError(
                f"the prompt has at least {at_least} tokens ({n_bytes:,} bytes), but the window of "
                f"{info.name!r} is {info.context_length}; shorten the prompt",
                status_code=400,
                code="context_length_exceeded",
            )
