"""Inputs meant to do harm: bombs, loops, and good ones with a part broken by chance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.local.random_schemas import random_schema

Case = tuple[str, dict[str, Any]]
_N_BROKEN = 300
_JUNK: list[Any] = [
    None, True, -1, 1e308, 10**400, "", "\ud800", "\x00", [], {}, [[]], {"": {}}, "#", "a" * 5000,
    {"$ref": "#"}, {"$ref": "#/$defs/tree/properties/next"}, {"not": {}}, 1e-300, 2**63, 1000, "^(",
]  # fmt: skip


def hostile(kind: str) -> Iterator[Case]:
    """Cases of a kind: their names, and the arguments of a chat."""
    if kind == "schemas":
        for name, schema in _schemas():
            yield name, {"response_format": {"type": "json_object", "schema": schema}}
    elif kind == "tools":
        for name, schema in _schemas():
            yield name, {"tools": [{"name": "f", "parameters": schema}], "tool_choice": "required"}
    elif kind == "patterns":
        for name, pattern in _patterns():
            yield name, {"response_format": {"type": "regex", "regex": pattern}}
    else:
        for name, grammar in _grammars():
            yield name, {"response_format": {"type": "grammar", "grammar": grammar}}


def _schemas() -> Iterator[tuple[str, Any]]:
    yield "deep", json.loads('{"items":' * 200 + "{}" + "}" * 200)
    yield "wide", {"properties": {f"k{i}": {"type": "string"} for i in range(999)}}
    yield "wide and required", {"required": [f"k{i}" for i in range(999)]}
    yield "many values", {"enum": [f"k{i}" for i in range(1000)]}
    yield "branches", {"anyOf": [{"pattern": f"^.*{i}.*$"} for i in range(250)]}
    yield "crossed", {"allOf": [{"anyOf": [{"properties": {f"{i}{j}": {}}} for j in range(9)]}
                                for i in range(9)]}  # fmt: skip
    yield "crossed numbers", {"allOf": [{"multipleOf": n} for n in range(9_000, 9_050)]}
    yield "crossed patterns", {"allOf": [{"pattern": f"^(.*{i}){{3}}"} for i in range(100, 160)]}
    yield "crossed texts", {"allOf": [{"pattern": f"a.{{{i}}}b"} for i in range(2, 40)]}
    yield "many names", {"patternProperties": {f"^.*{i}.*x$": {} for i in range(900)}}
    yield "some names", {"patternProperties": {f"^.*{i}.*{i}x{i}$": {} for i in range(16)}}
    yield "crossed names", {"allOf": [{"patternProperties": {f"^(.*{i}){{2}}": {}}}
                                      for i in range(16)]}  # fmt: skip
    yield "crossed patterns", {"allOf": [{"pattern": f"^(.*{i}){{3}}"} for i in range(16)]}
    yield "refs", {"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}] * 200}}, "$ref": "#/$defs/a"}
    for n in (100, 1000, 5000):
        chain = {f"a{i}": {"$ref": f"#/$defs/a{i + 1}"} for i in range(n)}
        yield f"chain {n}", {"$defs": {**chain, f"a{n}": {}}, "$ref": "#/$defs/a0"}
    ring = {f"a{i}": {"anyOf": [{"$ref": f"#/$defs/a{(i * 7 + k) % 60}"} for k in range(5)]}
            for i in range(60)}  # fmt: skip
    yield "ring", {"$defs": ring, "$ref": "#/$defs/a0"}
    doubled: dict[str, Any] = {"a0": {"type": "null"}}
    for i in range(40):
        doubled[f"a{i + 1}"] = {"type": "array", "items": {"$ref": f"#/$defs/a{i}"}, "minItems": 9}
    yield "doubling", {"$defs": doubled, "$ref": "#/$defs/a40"}
    yield "two alike", _two_alike(60)
    for seed in range(_N_BROKEN):
        r = Random(seed)
        yield f"broken {seed}", _broken(random_schema(r), r)


def _two_alike(n_levels: int) -> dict[str, Any]:
    """A choice between two trees that can be told apart, if at all, after two to the n looks."""
    parts: dict[str, Any] = {}
    for side in "ab":
        for level in range(n_levels):
            below = {"$ref": f"#/$defs/{side}{level + 1}"}
            tree = {"type": "object", "properties": {"x": below, "y": below}}
            parts[f"{side}{level}"] = {**tree, "required": ["x", "y"]}
        parts[f"{side}{n_levels}"] = {"type": "string"}
    return {"$defs": parts, "oneOf": [{"$ref": "#/$defs/a0"}, {"$ref": "#/$defs/b0"}]}


def _broken(value: Any, r: Random) -> Any:
    """A copy with a part replaced by junk."""
    if r.random() < 0.15 or not isinstance(value, (dict, list)) or not value:
        return r.choice(_JUNK)
    copy = dict(value) if isinstance(value, dict) else list(value)
    key = r.choice(list(copy) if isinstance(copy, dict) else range(len(copy)))
    copy[key] = _broken(copy[key], r)
    return copy


def _patterns() -> Iterator[tuple[str, Any]]:
    bombs = [
        *("(((a{30}){30}){30}){30}", "(a*)*" * 100, "(.*a){500}", "[a-z]{1,1000}" * 60),
        *("(a|aa)+b{999}", "(x+x+)+y", "(?:" * 300, "a" * 1000, "|" * 1000, ".{1000}" * 100),
        *("(" * 500 + ")" * 500, "[^" + "\\d\\w\\s" * 100 + "]+", "(.*a.{500}|.*b.{400})"),
        "(" + "|".join(f"a{i}" for i in range(200)) + ")*c",
    ]
    yield from ((bomb[:20], bomb) for bomb in bombs)
    good = r"^(?:[a-z]{2,5}|\d+)\s?[^\w/]*(foo|bar)?\x41é$"
    for seed in range(_N_BROKEN):
        yield f"broken {seed}", _scrambled(good, "()[]{}?*+|\\^$.-,9\x00\ud800é", Random(seed))


def _grammars() -> Iterator[tuple[str, Any]]:
    yield "left", 'start: start start | "a"'
    yield "empty loop", "start: a*\na: b?\nb: a?"
    yield "ambiguous", "start: a a a a a a a a\na: /x*/ a | "
    yield "alternatives", "start: " + " | ".join(f'"w{i}"' for i in range(1500))
    for n in (100, 250, 900, 20_000):
        yield (
            f"chain {n}",
            "start: r0\n" + "".join(f"r{i}: r{i + 1}\n" for i in range(n)) + f'r{n}: "a"',
        )
        yield (
            f"terminals {n}",
            "start: T0\n" + "".join(f"T{i}: T{i + 1}\n" for i in range(n)) + f'T{n}: "a"',
        )
        yield (
            f"gbnf {n}",
            "root ::= r0\n" + "".join(f"r{i} ::= r{i + 1}\n" for i in range(n)) + f'r{n} ::= "a"',
        )
    yield "deep", "start: " + "(" * 5000 + '"a"' + ")" * 5000
    yield "deep gbnf", "root ::= " + "(" * 5000 + '"a"' + ")" * 5000
    yield "repeats", 'start: (("a"{900}){900}){900}'
    for opened in ("[", '"', "/", r"\"", r"\/", "<"):
        yield f"opened {opened}", "start: " + opened * (16_000 // len(opened))
        yield f"opened {opened} in gbnf", "root ::= " + opened * (16_000 // len(opened))
    lark = 'start: item ("," item)*\nitem: WORD | "[" start "]" | /[0-9]{1,3}/\nWORD: /[a-z]+/\n'
    gbnf = 'root ::= item ("," item)*\nitem ::= [a-z]+ | "[" root "]" | [0-9]{1,3}\n'
    for seed in range(_N_BROKEN):
        yield (
            f"broken {seed}",
            _scrambled((lark, gbnf)[seed % 2], '()[]{}?*+|\\^$."/:=~&%@<>\n\x00', Random(seed)),
        )


def _scrambled(text: str, letters: str, r: Random) -> str:
    """A copy with a few letters dropped, doubled or replaced."""
    out = list(text)
    for _ in range(r.randint(0, 3)):
        at = r.randrange(len(out))
        out[at : at + r.randint(0, 2)] = r.choice(
            [letters[r.randrange(len(letters))], "", out[at] * 2]
        )
    return "".join(out)
