"""JSON schemas of strangers: taken for what they say, or refused by name.

What is made of a schema may allow less than the schema, never more; that is tried with values by
chance, with jsonschema as the judge.
"""

from __future__ import annotations

import json
import re
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no stubs
from referencing.exceptions import Unresolvable

from cloud.llm.anthropic.codec import AnthropicCodec
from cloud.llm.calls import chat_call
from cloud.llm.config import ClientConfig
from cloud.llm.gemini.codec import GeminiCodec
from cloud.llm.json_schema import JSONSchema
from cloud.llm.ollama.codec import OllamaCodec
from cloud.llm.openai_compat.codec import OpenAICodec
from fuzzing.draw import Draw
from fuzzing.target import Target
from LLM.exceptions import InvalidRequestError
from llmring.structured.check import MisfitError, compiled
from local_llm_kit.schemas import vet_schema

_KINDS = ("object", "array", "string", "integer", "number", "boolean", "null")
_NAMES = ("a", "b", "name", "$ref", "type", "é", "")
_PATTERNS = ("^a", "b$", "^[a-z]{2}$", "^(a|b)*$", "\\d", "(", "[]")
_MAPS = ("properties", "patternProperties", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_COUNTS = (0, 1, 2, 3, 1000, -1, 1.0, True)
_BOUNDS = (0, 1, -1, 0.5, 10, -3.25, 1e10, 10**30, "1")
#: What stands at keywords whose value is no schema.
_CHOICES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _COUNTS),
    **dict.fromkeys(("minProperties", "maxProperties", "minContains", "maxContains"), _COUNTS),
    **dict.fromkeys(("minimum", "maximum", "multipleOf"), _BOUNDS),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), _BOUNDS),
    "$ref": ("#/$defs/a", "#/$defs/b", "#", "#/properties/a", "#/items", "#/definitions/a", "x"),
    "pattern": _PATTERNS,
    "format": ("date", "uuid", "ipv4", "unheard-of"),
    "uniqueItems": (True, False),
    "title": ("T", 1),
    "unheardOf": (1,),
}
#: The first `_N_PLAIN` hold no schemas.
_KEYWORDS = (
    "type", "required", "enum", "const", "default", *_CHOICES, *_MAPS, *_LISTS, "items",
    "additionalProperties", "not", "contains", "if", "then", "else", "propertyNames",
    "unevaluatedProperties", "unevaluatedItems",
)  # fmt: skip
_N_PLAIN = 5 + len(_CHOICES)
_CONFIG = {"model": "m", "api_key": "key-of-fuzzing"}
_CODECS = (OpenAICodec, AnthropicCodec, GeminiCodec, OllamaCodec)


def check_local(data: bytes) -> None:
    """What a model in this process is held to."""
    schema, values = drawn(data)
    try:
        held = vet_schema(schema, "response_format")
    except InvalidRequestError as err:
        assert len(str(err)) < 2000
        return
    # Patterns are rewritten for another reader than Python's `re`; a oneOf that is left, the
    # compiler refuses (see `grammars`).
    if "pattern" in held or '"oneOf"' in held:
        return
    made = json.loads(held)
    for value in values:
        assert is_valid(schema, value) is not False or not is_valid(made, value), (schema, value)


def check_cloud(data: bytes) -> None:
    """What providers are asked for, what their answers are read as, and what checks them."""
    schema, values = drawn(data)
    try:
        asked = JSONSchema(schema)
    except InvalidRequestError as err:
        assert len(str(err)) < 2000
        return
    _ask(asked)
    plain = dict(asked.plain)
    for value in values:
        is_less = is_valid(schema, value) is not False or not is_valid(plain, value)
        assert is_less or "oneOf" in json.dumps(schema), (schema, value)
        _read(asked, value)
    try:
        check = compiled(asked.schema)
    except InvalidRequestError:
        return
    for value in values:
        # jsonschema divides floats; the check, numbers as they are written.
        is_same = is_valid(schema, value) in (_fits(check, value), None)
        assert is_same or "multipleOf" in json.dumps(schema), (schema, value)


def _ask(asked: JSONSchema) -> None:
    for codec in _CODECS:
        call = chat_call(
            "m", [{"role": "user", "content": "x"}], stream=False, extra={},
            response_format=asked, system=None, temperature=None, max_tokens=None, tools=None,
            tool_choice=None,
        )  # fmt: skip
        try:
            json.loads(
                codec(ClientConfig(**_CONFIG, base_url="http://127.0.0.1")).request(call).body
            )
        except InvalidRequestError:
            continue


def _read(asked: JSONSchema, value: Any) -> None:
    found, text = asked.read(json.dumps(value))
    assert json.loads(text) == found


def _fits(check: Any, value: Any) -> bool:
    try:
        check(value)
    except MisfitError:
        return False
    return True


def is_valid(schema: Any, value: Any) -> bool | None:
    """What jsonschema says; None where it cannot tell."""
    try:
        return bool(Draft202012Validator(schema).is_valid(value))
    except (re.error, ZeroDivisionError, Unresolvable, RecursionError):
        return None


def drawn(data: bytes) -> tuple[Any, list[Any]]:
    """A schema, and values to try: those that are told in bytes, or drawn from them."""
    draw = Draw(data)
    schema = _schema(draw, 3)
    if isinstance(schema, dict) and draw.number(2):
        schema["$defs"] = {"a": _schema(draw, 1), "b": _schema(draw, 1)}
    values = [None, 0, 1, "", "a", "ab", [], {}, [1], {"a": 1}, {"a": {"b": None}}, 2.5, True]
    return schema, values + [draw.value() for _ in range(4)]


def _schema(draw: Draw, depth: int) -> Any:
    if draw.is_over:
        return {}
    if not draw.number(24):
        return draw.value(1)
    schema: dict[str, Any] = {}
    for _ in range(1 + draw.number(4)):
        name = draw.one(_KEYWORDS if depth else _KEYWORDS[:_N_PLAIN])
        schema[name] = _said(draw, name, depth - 1)
    return schema


def _said(draw: Draw, name: str, depth: int) -> Any:
    """What stands at a keyword: mostly what may stand there."""
    if name in _CHOICES:
        return draw.one(_CHOICES[name])
    if name == "required":
        return draw.some(_NAMES, 2)
    if name == "type":
        return draw.one(_KINDS) if draw.number(3) else draw.some(_KINDS, 3)
    if name == "enum":
        return [draw.value(1) for _ in range(draw.number(3))]
    if name in ("const", "default"):
        return draw.value(1)
    if name in _MAPS:
        keys = _PATTERNS if name == "patternProperties" else _NAMES
        return {key: _schema(draw, depth) for key in draw.some(keys, 3)}
    if name in _LISTS:
        return [_schema(draw, depth) for _ in range(draw.number(4))]
    return draw.one((True, False)) if draw.number(3) == 2 else _schema(draw, depth)


SEEDS = (b"", b"\1\0\0\0", bytes(range(64)), bytes(range(7, 250, 3)), b"\5\3\6\0\3\1\1\0" * 8)
TARGETS = {
    "local_schema": Target(check_local, SEEDS, max_bytes=256),
    "cloud_schema": Target(check_cloud, SEEDS, max_bytes=256),
}
