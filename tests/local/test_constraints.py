"""Compiled grammars: which tokens may come, which must, where the text ends."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from random import Random
from typing import Any

import numpy as np
import pytest

from LLM import InvalidRequestError
from LLM.exceptions import LLMServerError
from local_llm_kit.arguments import Defaults, parse_chat
from local_llm_kit.engines.compute import Vocabulary
from local_llm_kit.engines.constraints import MAX_KEPT, CompiledGrammar, ConstraintCompiler
from local_llm_kit.engines.llama_cpp import LlamaCppEngine
from local_llm_kit.grammars import Grammar, grammar_of

NAMES = ["<s>", "</s>", "<|end|>"]


class Letters:
    """A vocabulary of the bytes, a few words and three control tokens, tokenised letter by letter.

    :param leading_space: tokenise as sentencepiece does, with a space before the text.
    """

    def __init__(self, *, leading_space: bool = False, words: tuple[bytes, ...] = ()) -> None:
        self.pieces = [bytes([i]) for i in range(256)] + list(words) + [b""] * 4
        self.control_names = [""] * (len(self.pieces) - 3) + NAMES
        self.ends = [name in NAMES[1:] for name in self.control_names]
        self.n_vocab = len(self.pieces)
        self.eos_token_id = self.control_names.index("</s>")
        self._space = " " if leading_space else ""

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        assert not add_special
        assert not parse_special
        return list((self._space + text).encode())


def compiled(text: str, vocabulary: Vocabulary | None = None) -> CompiledGrammar:
    return ConstraintCompiler(vocabulary or Letters()).compile(Grammar("lark", text, "p"))


def of(vocabulary: Vocabulary, **fields: Any) -> CompiledGrammar:
    arguments = parse_chat({"messages": [{"role": "user", "content": "x"}], **fields}, Defaults())
    grammar = grammar_of(arguments.output, arguments.tool_choice)
    assert grammar
    return ConstraintCompiler(vocabulary).compile(grammar)


def written(grammar: CompiledGrammar, vocabulary: Vocabulary, seed: int, limit: int = 500) -> bytes:
    """A text by chance; every step has a token that may come."""
    r, matcher, out = Random(seed), grammar.matcher(), b""
    for _ in range(limit):
        choices = np.flatnonzero(matcher.allowed()).tolist()
        token = r.choice(choices)
        if vocabulary.ends[token]:
            return out
        matcher.accept(token)
        out += vocabulary.pieces[token]
    raise AssertionError("the text did not end")


def test_only_what_fits_may_come_and_every_ending_token_ends() -> None:
    vocabulary = Letters()
    matcher = compiled('start: "ab"?', vocabulary).matcher()
    ends = [i for i, end in enumerate(vocabulary.ends) if end]
    assert np.flatnonzero(matcher.allowed()).tolist() == [ord("a"), *ends]
    matcher.accept(ord("a"))
    assert np.flatnonzero(matcher.allowed()).tolist() == [ord("b")]
    matcher.accept(ord("b"))
    assert matcher.done
    assert np.flatnonzero(matcher.allowed()).tolist() == ends


def test_a_grammar_of_nothing_is_done_at_once() -> None:
    matcher = compiled("start: //").matcher()
    assert matcher.allowed().any()


@pytest.mark.parametrize("leading_space", [False, True], ids=["plain", "sentencepiece"])
def test_forced_tokens_spell_the_only_way_on(leading_space: bool) -> None:
    vocabulary = Letters(leading_space=leading_space)
    matcher = compiled('start: "x" ("yes, sir" | "no")', vocabulary).matcher()
    matcher.accept(ord("x"))
    assert matcher.forced() == []
    matcher.accept(ord("y"))
    forced = matcher.forced()
    assert b"".join(vocabulary.pieces[token] for token in forced) == b"es, sir"
    for token in forced:
        assert matcher.allowed()[token]
        matcher.accept(token)
    assert matcher.done


def test_tokens_of_several_letters_may_cross_the_parts_of_a_grammar() -> None:
    vocabulary = Letters(words=(b"abc", b"abd"))
    matcher = compiled('start: ("x" | "a") "b" /[cz]/ "!"', vocabulary).matcher()
    assert np.flatnonzero(matcher.allowed()).tolist() == [ord("a"), ord("x"), 256]
    matcher.accept(256)
    assert matcher.forced() == [ord("!")]


def test_half_a_character_is_finished_before_the_text_may_end() -> None:
    vocabulary = Letters()
    matcher = compiled("start: /.*/", vocabulary).matcher()
    matcher.accept("é".encode()[0])
    allowed = np.flatnonzero(matcher.allowed()).tolist()
    assert allowed == list(range(0x80, 0xC0))


def test_matchers_of_one_grammar_do_not_know_each_other() -> None:
    grammar = compiled('start: "ab" | "cd"')
    one, other = grammar.matcher(), grammar.matcher()
    one.accept(ord("a"))
    other.accept(ord("c"))
    assert (one.forced(), other.forced()) == ([ord("b")], [ord("d")])


def test_a_grammar_is_compiled_once_and_the_oldest_forgotten() -> None:
    compiler = ConstraintCompiler(Letters())
    first = compiler.compile(Grammar("lark", 'start: "a"', "p"))
    assert compiler.compile(Grammar("lark", 'start: "a"', "p")) is first
    for i in range(MAX_KEPT):
        compiler.compile(Grammar("lark", f'start: "{i}"', "p"))
    assert compiler.compile(Grammar("lark", 'start: "a"', "p")) is not first


class SlowLetters(Letters):
    """The same, which waits in the middle of its first text."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.goes_on = threading.Event(), threading.Event()

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        self.begun.set()
        assert self.goes_on.wait(30)
        return super().tokenize(text, add_special=add_special, parse_special=parse_special)


def test_closing_waits_for_who_reads_the_vocabulary_and_lets_nobody_in() -> None:
    vocabulary, grammar = SlowLetters(), Grammar("lark", 'start: "a"', "p")
    compiler = ConstraintCompiler(vocabulary)
    with ThreadPoolExecutor(2) as threads:
        compiling = threads.submit(compiler.compile, grammar)
        assert vocabulary.begun.wait(30)
        closing = threads.submit(compiler.close)
        assert wait([closing], 0.05).not_done
        vocabulary.goes_on.set()
        closing.result(30)
        assert compiling.result(30)
    with pytest.raises(LLMServerError, match="closed"):
        compiler.compile(grammar)


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("lark", "start: x", "x"),
        ("lark", 'begin: "a"', "start"),
        ("lark", 'start: start "a"', "no text"),
        ("lark", "start: A\nA: /a/ & /b/", "held"),
        ("any", "root := x", "::="),
        ("any", 'other ::= "a"', "root"),
        ("any", "start: (", "held"),
        ("any", 'root ::= "a" (', "held"),
    ],
)
def test_a_grammar_that_cannot_be_compiled_is_the_callers_error(
    kind: Any, text: str, said: str
) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        ConstraintCompiler(Letters()).compile(Grammar(kind, text, "response_format"))
    assert caught.value.body["param"] == "response_format"


def test_a_grammar_that_turns_out_too_hard_is_an_error_of_its_request() -> None:
    matcher = compiled('start: "a" endless\nendless: "b" endless').matcher()
    with pytest.raises(InvalidRequestError, match="cannot be held"):
        matcher.accept(ord("a"))


def test_branches_that_can_both_fit_are_told_in_the_schemas_words() -> None:
    schema = {"oneOf": [{"type": "number"}, {"type": "integer"}]}
    with pytest.raises(InvalidRequestError, match="branches of oneOf can both fit"):
        of(Letters(), response_format={"type": "json_object", "schema": schema})


def test_a_grammar_may_be_written_as_gbnf() -> None:
    vocabulary = Letters()
    grammar = {"type": "grammar", "grammar": 'root ::= ("yes" | "no") [0-9]{2}\n'}
    texts = {written(of(vocabulary, response_format=grammar), vocabulary, i)[:2] for i in range(20)}
    assert texts == {b"ye", b"no"}


def test_a_regular_expression_fits_the_whole_text() -> None:
    vocabulary = Letters()
    wanted = {"type": "regex", "regex": r"^/[a-c]{2}/\d(\.|,)$"}
    for seed in range(20):
        text = written(of(vocabulary, response_format=wanted), vocabulary, seed).decode()
        assert text[0] == text[3] == "/"
        assert text[4].isdigit()
        assert text[5:] in (".", ",")


def test_any_json_object_is_read_by_every_reader() -> None:
    vocabulary = Letters()
    grammar = of(vocabulary, response_format={"type": "json_object"})
    n_read = 0
    for seed in range(40):
        matcher, out, r = grammar.matcher(), b"", Random(seed)
        for _ in range(2000):
            choices = np.flatnonzero(matcher.allowed()).tolist()
            closing = [token for token in choices if token in b'"}]0e']
            token = r.choice(closing or choices) if r.random() < 0.5 else r.choice(choices)
            matcher.accept(token)
            out += vocabulary.pieces[token]
            if matcher.done:
                n_read += isinstance(json.loads(out), dict)
                break
    assert n_read > 20


def test_free_text_is_free_until_a_call_begins(engine: LlamaCppEngine) -> None:
    vocabulary = engine.vocabulary
    tool = {"name": "f", "parameters": {"type": "object", "properties": {}}}
    matcher = of(vocabulary, tools=[tool]).matcher()
    for token in engine.tokenize("Let me see <b> <tool_"):
        assert matcher.allowed()[token]
        matcher.accept(token)
    assert matcher.allowed()[vocabulary.eos_token_id]
    for token in engine.tokenize("call>"):
        matcher.accept(token)
    begun = matcher.allowed()
    assert not begun[vocabulary.eos_token_id]
    first = {vocabulary.pieces[i][:1] for i in np.flatnonzero(begun)}
    assert first <= {b"{", b"\n"}
