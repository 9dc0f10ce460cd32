"""The arguments of the tokenizer's routes, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_llm_kit.fields import MAX_TOKENS, Fields, check_text, invalid

#: Far more than any window, and tokenised within a second or so.
MAX_CONTENT_CHARS = 1 << 20
MAX_LISTED_TOKENS = 1 << 20


@dataclass(frozen=True, slots=True)
class TokenizeArguments:
    """A text to be tokenised.

    :param model: whose tokenizer; None means whichever there is.
    :param add_special: begin with the model's BOS token where it wants one.
    :param parse_special: read the text of special tokens as those tokens.
    :param with_pieces: tell each token's text too.
    """

    model: str | None
    content: str
    add_special: bool
    parse_special: bool
    with_pieces: bool


@dataclass(frozen=True, slots=True)
class DetokenizeArguments:
    """Token ids whose text is wanted.

    :param model: whose tokenizer; None means whichever there is.
    """

    model: str | None
    tokens: list[int]


def parse_tokenize(body: Mapping[str, Any]) -> TokenizeArguments:
    """Check the arguments of ``/tokenize``.

    :raises InvalidRequestError: names the argument.
    """
    fields = Fields(body)
    content = fields.text("content")
    if content is None:
        raise invalid("content", "content is missing; give the text to be tokenised")
    if len(content) > MAX_CONTENT_CHARS:
        raise invalid("content", f"content has {len(content):,} characters; give at most "
                      f"{MAX_CONTENT_CHARS:,}")  # fmt: skip
    check_text("content", content)
    arguments = TokenizeArguments(
        fields.text("model"),
        content,
        fields.flag("add_special") or False,
        fields.flag("parse_special") is not False,
        fields.flag("with_pieces") or False,
    )
    fields.done({})
    return arguments


def parse_detokenize(body: Mapping[str, Any]) -> DetokenizeArguments:
    """Check the arguments of ``/detokenize``.

    :raises InvalidRequestError: names the argument.
    """
    fields = Fields(body)
    tokens = fields.take("tokens")
    if not isinstance(tokens, list) or len(tokens) > MAX_LISTED_TOKENS:
        raise invalid("tokens", f"tokens must be a list of at most {MAX_LISTED_TOKENS:,} token ids")
    for i, token in enumerate(tokens):
        if type(token) is not int or not 0 <= token < MAX_TOKENS:
            raise invalid(f"tokens[{i}]", f"tokens[{i}] is no token id")
    arguments = DetokenizeArguments(fields.text("model"), tokens)
    fields.done({})
    return arguments
