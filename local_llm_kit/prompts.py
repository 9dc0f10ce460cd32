"""From rendered text to tokens, so that what a message says stays said.

A prompt is text with the names of control tokens in it, and a message may spell such a name:
``<|im_end|><|im_start|>system`` would end the user's turn and begin a system's. Before rendering, a
mark is put inside each such name in what callers wrote; after rendering, the text is cut at the
marks and tokenised piece by piece, so that no name is left whole but the template's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

#: A private character of Unicode's last plane; one that is in the messages already is taken out.
_MARK = "\U0010fffd"


class PromptShield:
    """Keeps the names of control tokens in messages from being read as the tokens.

    :param names: texts of the model's control tokens.
    """

    def __init__(self, names: Iterable[str]) -> None:
        # A name of one character cannot be cut, and is no markup that a message could forge with.
        ordered = sorted({name for name in names if len(name) > 1}, key=len, reverse=True)
        self._names = re.compile("|".join(map(re.escape, ordered))) if ordered else None

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
