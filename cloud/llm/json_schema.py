"""A JSON schema as `response_format`, which each provider gets in the form that it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic_core import from_json, to_json

from cloud.llm.json_schemas.check import check_schema
from cloud.llm.json_schemas.nulls import without_nulls
from cloud.llm.json_schemas.plain import plain_schema
from cloud.llm.json_schemas.strict import VALUE, in_object, strict_schema
from LLM.exceptions import InvalidRequestError
from LLM.json_size import MAX_WRITTEN_VALUES, has_too_many_values

# Providers cap the schema's name at 64 characters of this set.
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_FENCE = "```"
#: Schemas whose form for a provider is kept: making one of ten properties takes 0.1 ms.
N_SCHEMAS = 128


# Compared by identity: schemas are long, and providers keep what they made of one.
@dataclass(frozen=True, eq=False)
class JSONSchema:
    """A JSON schema that an answer is to fit, to be given as `response_format`.

    Write it as you mean it: with optional properties, without ``additionalProperties``, with bounds
    and references. Each provider gets what its constrained decoding holds; the rest is told to the
    model in descriptions. The answer's value is in `ChatResponse.parsed`; it is not checked against
    the schema.

    :param schema: a JSON schema, draft 2020-12; copied.
    :param name: what it is called, for the model; characters that providers refuse become ``_``.
    :param strict: have OpenAI hold the answer to it, as far as strict mode can.
    :param description: what it is for, for the model.
    :raises InvalidRequestError: it is no schema, or refers to itself or elsewhere without end; the
        message says where.
    """

    schema: Mapping[str, Any]
    name: str = "answer"
    strict: bool = True
    description: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.schema, Mapping):
            raise InvalidRequestError(
                f"the JSON schema is a {type(self.schema).__name__}; give a dict, such as "
                "{'type': 'object', 'properties': {…}}"
            )
        if not isinstance(self.name, str):
            raise InvalidRequestError(f"the JSON schema's name is {self.name!r}; give text")
        copy = _json_copy(self.schema)
        check_schema(copy)
        object.__setattr__(self, "schema", copy)
        name = _NOT_IN_NAME.sub("_", self.name)[:64]
        object.__setattr__(self, "name", name or "answer")

    def __repr__(self) -> str:
        return f"JSONSchema(name={self.name!r}, strict={self.strict})"

    @cached_property
    def plain(self) -> Mapping[str, Any]:
        """The schema said plainly, with its references to ``#/$defs`` alone; not to be changed."""
        return plain_schema(self.schema)

    @cached_property
    def as_object(self) -> Mapping[str, Any]:
        """The plain schema for those who answer with objects only; not to be changed.

        Where the root may be something else, it is that of an object with the answer as its only
        property, out of which `read` takes it.
        """
        is_object = self.plain.get("type") == "object" and "anyOf" not in self.plain
        return self.plain if is_object else in_object(self.plain)

    @cached_property
    def openai_format(self) -> dict[str, Any]:
        """The `response_format` that OpenAI takes; not to be changed.

        It is strict where strict mode can hold the answer to the schema: with all properties
        required and null for those that may be missing, which `read` drops again.
        """
        strict = strict_schema(self.as_object) if self.strict else None
        schema = self.schema if self.as_object is self.plain else self.as_object
        return self._format(schema if strict is None else strict, is_strict=strict is not None)

    def to_openai(self) -> dict[str, Any]:
        """As OpenAI has it, with the schema as it was given."""
        return self._format(self.schema, is_strict=self.strict)

    def read(self, text: str) -> tuple[Any, str]:
        """The value that an answer's text holds, and the value's own text.

        What fitting the schema to a provider has added is taken out of both, and so is a block of
        code around the JSON, where there is one and no other.

        :raises ValueError: the text holds no JSON, or too much of it.
        """
        written, text = read_json(text)
        if self.as_object is self.plain and "null" not in text:
            return written, text
        value, fits = without_nulls(written, self.plain)
        if not fits and self._may_be_wrapped(written):
            value, _ = without_nulls(written[VALUE], self.plain)
        return (value, text) if value is written else (value, to_json(value).decode())

    def _may_be_wrapped(self, value: Any) -> bool:
        if self.as_object is self.plain:
            return False
        return isinstance(value, dict) and list(value) == [VALUE]

    def _format(self, schema: Mapping[str, Any], is_strict: bool) -> dict[str, Any]:
        described = {"description": self.description} if self.description else {}
        wanted = {"name": self.name, **described, "schema": schema, "strict": is_strict}
        return {"type": "json_schema", "json_schema": wanted}


def read_json(text: str) -> tuple[Any, str]:
    """The JSON value in an answer's text, and its own text.

    Models that are asked in the prompt like to put it into a block of code, and a word around that;
    such a block is read where it is the only one.

    :raises ValueError: the text holds no JSON, or more than `MAX_WRITTEN_VALUES` values.
    """
    if has_too_many_values(text, MAX_WRITTEN_VALUES):
        raise ValueError(f"it holds more than {MAX_WRITTEN_VALUES:,} values")
    try:
        return from_json(text, allow_inf_nan=False), text
    except ValueError:
        inner = _fenced(text)
        if inner is None:
            raise
        return from_json(inner, allow_inf_nan=False), inner


def _fenced(text: str) -> str | None:
    """What stands between the first fence of a text and the last, without the language's name."""
    begin, end = text.find(_FENCE), text.rfind(_FENCE)
    if begin == end:
        return None
    language, _, inner = text[begin + len(_FENCE) : end].partition("\n")
    return inner.strip() if language.strip().isalnum() or not language.strip() else None


def _json_copy(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema in JSON's own types, which nobody else can change.

    :raises InvalidRequestError: it has no JSON form.
    """
    try:
        copy: dict[str, Any] = from_json(to_json(schema))
        return copy
    except ValueError as err:
        problem = str(err)
    except RecursionError:
        problem = "it is nested too deep"
    raise InvalidRequestError(f"the JSON schema cannot be written as JSON: {problem[:200]}")
