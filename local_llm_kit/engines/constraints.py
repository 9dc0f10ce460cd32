"""Grammars that hold a model token by token, on llguidance.

A grammar is compiled once, kept, and copied for each answer: the first costs milliseconds, a copy
some 10 µs. The tokenizer is made when the first grammar comes (0.4 s for a vocabulary of 150,000).
Work is bounded by `_limits`: what exceeds it is an error of that one request.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from LLM.exceptions import InvalidRequestError, LLMServerError
from local_llm_kit.engines.compute import Vocabulary
from local_llm_kit.fields import invalid
from local_llm_kit.grammars import Grammar

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLParserLimits, LLTokenizer

MAX_KEPT = 64
_MAX_MESSAGE_CHARS = 200
_SPECIAL = b"\xff"  # begins the names of control tokens, which no text spells
#: llguidance's messages in the words of who wrote the schema.
_MEANINGS = {
    "oneOf": "the branches of oneOf can both fit; use anyOf, or a property that tells them apart",
    "NoExtensionBias": "it matches no text",
}
#: Put before a text so that a tokenizer adds its leading space to this, and not to the text.
_MARK = "\x02"


class ConstraintCompiler:
    """Compiles grammars for one model, and keeps the last `MAX_KEPT`; any thread.

    :param vocabulary: the model's tokens.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._kept: OrderedDict[Grammar, CompiledGrammar] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = False

    def compile(self, grammar: Grammar) -> CompiledGrammar:
        """The constraint that a grammar makes.

        :raises InvalidRequestError: the grammar is malformed, too hard, or matches no text.
        :raises LLMServerError: it is closed.
        """
        with self._lock:
            if self._closed:
                raise LLMServerError("the engine is closed", status_code=503, code="engine_closed")
            found = self._kept.get(grammar)
            if found is None:
                found = self._kept[grammar] = CompiledGrammar(
                    _base(self._tokenizer, grammar), grammar.param, self._ends
                )
            self._kept.move_to_end(grammar)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return found

    def close(self) -> None:
        """Compile no more, and wait for what is compiled now: it reads the model's vocabulary."""
        with self._lock:
            self._closed = True

    @cached_property
    def _tokenizer(self) -> LLTokenizer:
        from llguidance import LLTokenizer, TokenizerWrapper

        ends = [int(token) for token in np.flatnonzero(self._ends)]
        tokens = TokenizerWrapper(_Spelling(self._vocabulary))
        return LLTokenizer(tokens, n_vocab=self._vocabulary.n_vocab, eos_token=ends)

    @cached_property
    def _ends(self) -> npt.NDArray[np.bool_]:
        """(n_vocab,) bool: the tokens that end an answer."""
        ends = np.array(self._vocabulary.ends, bool)
        if 0 <= self._vocabulary.eos_token_id < len(ends):
            ends[self._vocabulary.eos_token_id] = True
        return ends


class CompiledGrammar:
    """A grammar, ready to hold answers.

    :param base: at the beginning of a text; only copied.
    :param param: the argument that it comes from.
    :param ends: (n_vocab,) bool, the tokens that end an answer.
    """

    def __init__(self, base: LLMatcher, param: str, ends: npt.NDArray[np.bool_]) -> None:
        self._base = base
        self._param = param
        self._ends = ends

    def matcher(self) -> GrammarMatcher:
        """A matcher at the beginning of the text."""
        return GrammarMatcher(self._base.deep_copy(), self._param, self._ends)


class GrammarMatcher:
    """Follows one answer."""

    def __init__(self, matcher: LLMatcher, param: str, ends: npt.NDArray[np.bool_]) -> None:
        self._matcher = matcher
        self._param = param
        self._ends = ends
        self._bits = np.zeros(-(-len(ends) // 32), np.uint32)
        self._mask: npt.NDArray[np.bool_] | None = None

    def allowed(self) -> npt.NDArray[np.bool_]:
        """(n_vocab,) bool: the tokens that may come next.

        :raises InvalidRequestError: the grammar is too hard at this place, or the model has no
            token for what it asks.
        """
        if self._mask is None:
            self._mask = self._ends if self.done else self._computed()
        return self._mask

    def _computed(self) -> npt.NDArray[np.bool_]:
        bits = self._bits
        self._matcher.unsafe_compute_mask_ptr(bits.ctypes.data, bits.nbytes)
        self._check()
        flags = np.unpackbits(bits.view(np.uint8), bitorder="little", count=len(self._ends))
        mask = flags.view(np.bool_)
        if not mask.any():
            if self.done:
                return self._ends
            raise _too_hard(self._param, "the model has no token for what comes next")
        return mask

    def accept(self, token: int) -> None:
        """Go on by a token that was allowed."""
        self._mask = None
        self._matcher.consume_token(token)
        self._check()

    def forced(self) -> list[int]:
        """Tokens of which each is the only way on."""
        tokens: list[int] = self._matcher.compute_ff_tokens()
        self._check()
        return tokens

    @property
    def done(self) -> bool:
        """Whether nothing can follow."""
        return self._matcher.is_stopped() and not self._matcher.is_error()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise _too_hard(self._param, self._matcher.get_error())


class _Spelling:
    """A vocabulary as llguidance asks for it: attributes, and a call that tokenises."""

    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        names = vocabulary.control_names
        self.eos_token_id = vocabulary.eos_token_id
        self.special_token_ids = [token for token, name in enumerate(names) if name]
        self.tokens = [
            _SPECIAL + name.encode() if name else piece
            for piece, name in zip(vocabulary.pieces, names, strict=True)
        ]

    def __call__(self, text: bytes | str) -> list[int]:
        words = text.decode() if isinstance(text, bytes) else text
        tokens = self._tokens(words)
        if self._spelled(tokens) == words.encode():
            return tokens
        mark, marked = self._tokens(_MARK), self._tokens(_MARK + words)
        return marked[len(mark) :] if marked[: len(mark)] == mark else tokens

    def _tokens(self, text: str) -> list[int]:
        return self._vocabulary.tokenize(text, add_special=False, parse_special=False)

    def _spelled(self, tokens: Sequence[int]) -> bytes:
        return b"".join(self._vocabulary.pieces[token] for token in tokens)


def _limits() -> LLParserLimits:
    """What compiling and each step may cost: about 0.4 s at the worst, real ones take 1 to 30 ms.

    An object of 1,000 optional properties needs more than the default of 2,000 items in a row.
    """
    from llguidance import LLParserLimits

    return LLParserLimits(
        max_items_in_row=10_000,
        step_max_items=200_000,
        initial_lexer_fuel=200_000,
        max_lexer_states=50_000,
        verbose_errors=False,
    )


def _base(tokenizer: LLTokenizer, grammar: Grammar) -> LLMatcher:
    """A matcher at the beginning of a text; its first step, taken here, is kept by its copies."""
    from llguidance import LLMatcher

    source = _lark(grammar) if grammar.kind == "any" else grammar.text
    matcher = LLMatcher(
        tokenizer, LLMatcher.grammar_from_lark(source), log_level=0, limits=_limits()
    )
    if not matcher.is_error() and not matcher.is_stopped():
        matcher.compute_bitmask()
    if matcher.is_error():
        raise _too_hard(grammar.param, matcher.get_error())
    return matcher


def _lark(grammar: Grammar) -> str:
    """A caller's own grammar in Lark's form."""
    from llguidance.gbnf_to_lark import any_to_lark

    try:
        source: Any = any_to_lark(grammar.text)
    except RecursionError:
        raise _too_hard(grammar.param, "it is nested too deeply") from None
    except Exception as err:  # noqa: BLE001  # the converter raises plain Exception
        raise _too_hard(grammar.param, str(err)) from None
    return str(source)


def _too_hard(param: str, problem: str) -> InvalidRequestError:
    """The error for a grammar that llguidance does not take; `problem` is its word for why."""
    said = problem.strip().partition("\n")[0][:_MAX_MESSAGE_CHARS]
    for word, meaning in _MEANINGS.items():
        if word in said:
            said = meaning
    return invalid(
        param,
        f"what {param} asks for cannot be held: {said}; correct it, or ask for something simpler",
        "invalid_grammar",
    )
