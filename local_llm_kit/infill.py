"""Filling a gap in a text, by models that were trained for it: their prompt has the text's end.

Source: Bavarian et al., "Efficient training of language models to fill in the middle",
https://arxiv.org/abs/2207.14255; the spellings are from the models' tokenizer files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: How models spell the marks before the text's beginning, before its end, and before the gap.
SPELLINGS = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),  # Qwen Coder, CodeGemma
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),  # StarCoder, Granite
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # DeepSeek Coder
    ("▁<PRE>", "▁<SUF>", "▁<MID>"),  # Code Llama
)


@dataclass(frozen=True, slots=True)
class Infill:
    """The marks of a model, as token ids."""

    prefix: int
    suffix: int
    middle: int

    def prompt(self, before: list[int], after: list[int]) -> list[int]:
        """Tokens of the prompt whose answer fills the gap.

        :param before: tokens of the text before the gap.
        :param after: of the text after it.
        """
        return [self.prefix, *before, self.suffix, *after, self.middle]


def infill_of(special: Callable[[str], list[int]]) -> Infill | None:
    """The marks of a model; None for one that was not trained to fill gaps.

    :param special: tokenizes a text in which special tokens are read as such.
    """
    for spelling in SPELLINGS:
        tokens = [special(mark) for mark in spelling]
        if all(len(one) == 1 for one in tokens):
            return Infill(*(one[0] for one in tokens))
    return None
