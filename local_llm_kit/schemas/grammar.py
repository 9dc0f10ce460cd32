"""Regular expressions and grammars as a whole answer's shape."""

from __future__ import annotations

import re
from typing import Any

from local_llm_kit.fields import check_text, invalid
from local_llm_kit.schemas.patterns import portable

MAX_GRAMMAR_CHARS = 16 << 10
MAX_RULES = 256  # a chain of 20,000 overflows the compiler's stack
_MAX_NESTING = 32
#: What holds no syntax, as llguidance's own lexer finds it: else a directive could hide behind a
#: quote that is none. The last group is what opens a text or an expression and is not closed.
_LARK = re.compile(r'"(?:[^"\\\n]|\\.)*+"|/(?:[^/\\]|\\.)++/|<[^<>\s]+>|(?://|#)[^\n]*|(["/])')
#: The same in GBNF, where brackets hold characters; in Lark's form they hold syntax.
_GBNF = re.compile(r'"(?:[^"\\]|\\.)*+"|\[(?:[^\]\\]|\\.)*+\]|#[^\n\r]*|(["\[])')
_RULE = re.compile(r":+")
_COUNT = re.compile(r"[{~]\s*(\d*)\s*(?:(?:,|\.\.)\s*(\d*))?")
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
    try:
        bare = (_LARK if _is_lark(text) else _GBNF).sub(_blank, text)
    except ValueError as err:
        return str(err)
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
    if max(counts, default=0) > _MAX_COUNT or re.search(r"[{~][\s\d,.]*\d{9}", text):
        return f"it repeats something more than {_MAX_COUNT:,} times"
    return None


def _is_lark(text: str) -> bool:
    """Whether a grammar is in Lark's form, as llguidance decides it."""
    return re.search(r"^\s*(?:%llguidance\b|start\s*:)", text, re.MULTILINE) is not None


def _blank(found: re.Match[str]) -> str:
    """An empty text in place of what holds no syntax.

    :raises ValueError: it is not closed. Looking on behind it would take the square of the time.
    """
    if found[1]:
        raise ValueError(f"what {found[1]!r} opens at character {found.start():,} is not closed")
    return '""'


def _depth(text: str) -> int:
    depth = deepest = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
    return deepest
