"""Regular expressions and grammars as a whole answer's shape."""

from __future__ import annotations

import re
from typing import Any

from local_llm_kit.fields import check_text, invalid
from local_llm_kit.schemas.patterns import portable

MAX_GRAMMAR_CHARS = 16 << 10
MAX_RULES = 256  # a chain of 20,000 overflows the compiler's stack
_MAX_NESTING = 32
#: Texts, characters in brackets and comments: what is in them is no syntax.
_QUOTED = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|(?<![\w)])/(?:[^/\\\n]|\\.)+/|\[(?:[^\]\\\n]|\\.)*\]|//[^\n]*|#[^\n]*'
)
_RULE = re.compile(
    r"^[ \t]*[?!]?[\w-]+(?:\.[0-9-]+)?(?:\[[^\]\n]*\])?[ \t]*(?:::=|:)", re.MULTILINE
)
_COUNT = re.compile(r"[{~][ \t]*([0-9]*)[ \t]*(?:(?:,|\.\.)[ \t]*([0-9]*))?")
_MAX_COUNT = 1000


def vet_regex(pattern: Any, param: str) -> str:
    """Check a regular expression that a whole answer matches.

    :return: the pattern for the automaton.
    :raises InvalidRequestError: says what is wrong with it.
    """
    if not isinstance(pattern, str) or not pattern:
        raise invalid(param, f"{param} needs a regular expression: a text that is not empty")
    check_text(param, pattern)
    try:
        return portable(pattern)
    except ValueError as err:
        raise invalid(
            param, f"the regular expression in {param} cannot be used: {err}", "invalid_regex"
        ) from None


def vet_grammar(text: Any, param: str) -> str:
    """Check a grammar in Lark's form or in GBNF.

    Whether it is well formed shows when it is compiled; this bounds what compiling may cost.

    :raises InvalidRequestError: it is too long, too deep, repeats too much or uses a directive.
    """
    if not isinstance(text, str) or not text.strip():
        raise invalid(param, f"{param} needs a grammar: a text with the rule 'start' or 'root'")
    check_text(param, text)
    problem = _problem(text)
    if problem:
        raise invalid(param, f"the grammar in {param} cannot be used: {problem}", "invalid_grammar")
    return text


def _problem(text: str) -> str | None:
    if len(text) > MAX_GRAMMAR_CHARS:
        return f"it has {len(text):,} characters; at most {MAX_GRAMMAR_CHARS:,} are read"
    bare = _QUOTED.sub('""', text)
    if "%" in bare or "@" in bare:
        return "directives (%) and references to other grammars (@) are not taken"
    n_rules = len(_RULE.findall(bare))
    if n_rules > MAX_RULES:
        return f"it has {n_rules:,} rules; at most {MAX_RULES:,} are read"
    if _depth(bare) > _MAX_NESTING:
        return f"brackets are nested more than {_MAX_NESTING} deep"
    counts = [
        int(digits or 0) for found in _COUNT.findall(text) for digits in found if len(digits) < 9
    ]
    if max(counts, default=0) > _MAX_COUNT or re.search(r"[{~][ \t0-9,.]*[0-9]{9}", text):
        return f"it repeats something more than {_MAX_COUNT:,} times"
    return None


def _depth(text: str) -> int:
    depth = deepest = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
    return deepest
