"""The tokenizer's routes, and those that tell of the server itself."""

from __future__ import annotations

from collections.abc import Mapping

from local_llm_kit.fields import MAX_TOKENS
from local_llm_kit.server.openapi import fields
from local_llm_kit.server.openapi.operation import Operation
from local_llm_kit.server.openapi.schema import (
    FLAG,
    OBJECT,
    TEXT,
    WHOLE,
    answer,
    any_of,
    described,
    integer,
    listed,
    one_of,
    request,
    text,
)
from local_llm_kit.server.tokens.arguments import MAX_CONTENT_CHARS, MAX_LISTED_TOKENS

TOKENIZE = request(
    {"content": text(high=MAX_CONTENT_CHARS)},
    {
        "model": fields.MODEL,
        "add_special": described(FLAG, "Begin with the model's BOS token where it wants one"),
        "parse_special": described(FLAG, "Read the text of special tokens as those tokens"),
        "with_pieces": described(FLAG, "Tell each token's text too"),
    },
)
DETOKENIZE = request(
    {"tokens": listed(integer(0, MAX_TOKENS - 1), 0, MAX_LISTED_TOKENS)}, {"model": fields.MODEL}
)
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/tokenize"): Operation(
        "Tokens of a text", answer({"tokens": listed(any_of(WHOLE, OBJECT))}), TOKENIZE
    ),
    ("POST", "/detokenize"): Operation("Text of tokens", answer({"content": TEXT}), DETOKENIZE),
    ("GET", "/health"): Operation(
        "Whether the server is alive, and how busy; needs no key",
        answer({"status": one_of("ok"), "slots": WHOLE, "running": WHOLE, "waiting": WHOLE}),
    ),
    ("GET", "/metrics"): Operation(
        "What Prometheus reads", None, media_type="text/plain"
    ),
    ("GET", "/openapi.json"): Operation("This document", OBJECT),
}  # fmt: skip
