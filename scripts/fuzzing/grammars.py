"""What holds a model: texts by chance that a compiled schema allows are values of the schema."""

from __future__ import annotations

import json
from functools import cache

import numpy as np

from fuzzing.draw import Draw
from fuzzing.schemas import SEEDS, drawn, is_valid
from fuzzing.target import Target
from LLM.exceptions import InvalidRequestError
from local_llm_kit.arguments import Defaults, parse_chat
from local_llm_kit.engines.constraints import ConstraintCompiler, GrammarMatcher
from local_llm_kit.grammars import grammar_of

_MAX_TOKENS = 200


class _Bytes:
    """A vocabulary of the bytes and an end."""

    def __init__(self) -> None:
        self.pieces = [*(bytes([byte]) for byte in range(256)), b""]
        self.control_names = [*[""] * 256, "</s>"]
        self.ends = [bool(name) for name in self.control_names]
        self.n_vocab = len(self.pieces)
        self.eos_token_id = 256

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """The bytes of the text."""
        return list(text.encode())


_VOCABULARY = _Bytes()


@cache
def _compiler() -> ConstraintCompiler:
    return ConstraintCompiler(_VOCABULARY)


def check(data: bytes) -> None:
    """The schema is drawn from the first half, the text from the second."""
    schema, _ = drawn(data[: len(data) // 2])
    if not isinstance(schema, dict):  # none is asked for
        return
    fields = {"response_format": {"type": "json_object", "schema": schema}}
    try:
        body = {"messages": [{"role": "user", "content": "x"}], **fields}
        arguments = parse_chat(body, Defaults())
        grammar = grammar_of(arguments.output, arguments.tool_choice)
        assert grammar is not None
        text = _text(_compiler().compile(grammar).matcher(), Draw(data[len(data) // 2 :]))
    except InvalidRequestError as err:
        assert len(str(err)) < 2000
        return
    if text is not None:
        assert is_valid(schema, json.loads(text)) is not False, (schema, text)


def _text(matcher: GrammarMatcher, draw: Draw) -> bytes | None:
    """A text that is allowed; None where it has not ended soon."""
    out = b""
    for _ in range(_MAX_TOKENS):
        choices = np.flatnonzero(matcher.allowed()).tolist()
        assert choices, "something may always come"
        token = draw.one(choices) if not draw.is_over else choices[-1]
        if token == _VOCABULARY.eos_token_id:
            return out
        out += _VOCABULARY.pieces[token]
        matcher.accept(token)
    return None


TARGETS = {"grammar": Target(check, SEEDS, max_bytes=512)}
