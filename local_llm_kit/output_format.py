"""`response_format` and its relatives: what an answer must look like."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from local_llm_kit.fields import Fields, check_text, invalid
from local_llm_kit.schemas import vet_grammar, vet_regex, vet_schema

OutputKind = Literal["text", "json_object", "json_schema", "regex", "grammar"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FORMATS = "'text', 'json_object', 'json_schema', 'regex' and 'grammar'"
_SHAPES = {
    "text": "{'type': 'text'}",
    "json_object": "{'type': 'json_object'}",
    "json_schema": "{'type': 'json_schema', 'json_schema': {'name': …, 'schema': …}}",
    "regex": "{'type': 'regex', 'regex': …}",
    "grammar": "{'type': 'grammar', 'grammar': …}",
}
#: The same wishes as other servers' users write them.
_ALIASES = {
    "guided_json": "json_schema",
    "json_schema": "json_schema",
    "guided_regex": "regex",
    "guided_grammar": "grammar",
    "grammar": "grammar",
}


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """What an answer must look like, checked.

    :param kind: ``text`` is free.
    :param text: the rewritten JSON schema, the pattern or the grammar; empty for free text.
    :param schema: the JSON schema as it was given, for the prompt and for other back ends.
    :param description: what the schema is for, in the caller's words.
    :param param: the argument that it came in.
    """

    kind: OutputKind = "text"
    text: str = ""
    schema: Mapping[str, Any] | None = None
    description: str = ""
    param: str = "response_format"

    @property
    def is_json(self) -> bool:
        """Whether the answer is JSON text."""
        return self.kind in ("json_object", "json_schema")


FREE = OutputFormat()


def take_output(fields: Fields) -> OutputFormat:
    """Take what says how an answer must look.

    :raises InvalidRequestError: it is malformed, too hard, or given twice.
    """
    given = {name: fields.take(name) for name in ("response_format", *_ALIASES)}
    given = {name: value for name, value in given.items() if value is not None}
    if len(given) > 1:
        first, second = list(given)[:2]
        raise invalid(second, f"{second} and {first} both say how the answer must look; give one")
    for name, value in given.items():
        if name == "response_format":
            return _response_format(value)
        return _wanted(_ALIASES[name], value, name)
    return FREE


def _response_format(value: Any) -> OutputFormat:
    if isinstance(value, type):
        raise invalid(
            "response_format",
            f"response_format is the class {value.__name__!r}; give its JSON schema, or a pydantic "
            "class to LLMClient",
        )
    kind = value.get("type") if isinstance(value, Mapping) else None
    if kind == "text" and set(value) == {"type"}:
        return FREE
    if kind == "json_object" and set(value) <= {"type", "schema"}:
        schema = value.get("schema")
        if schema is None:
            return OutputFormat("json_object", vet_schema({"type": "object"}, "response_format"))
        return _wanted("json_schema", schema, "response_format")
    if kind == "json_schema" and set(value) == {"type", "json_schema"}:
        return _json_schema(value["json_schema"])
    if kind in ("regex", "grammar") and set(value) == {"type", kind}:
        return _wanted(kind, value[kind], "response_format")
    raise invalid("response_format", _misfit(kind))


def _misfit(kind: Any) -> str:
    """What is wrong with a format of that type."""
    if isinstance(kind, str) and kind in _SHAPES:
        return f"response_format of type {kind!r} must have this shape: {_SHAPES[kind]}"
    what = f"has the type {kind[:40]!r}" if isinstance(kind, str) else "is no object with a type"
    return (
        f"response_format {what}; there are {_FORMATS}, as in {_SHAPES['json_schema']}; "
        "LLMClient takes a pydantic class too"
    )


def _json_schema(value: Any) -> OutputFormat:
    param = "response_format.json_schema"
    known = {"name", "schema", "strict", "description"}
    if not isinstance(value, Mapping) or not set(value) <= known:
        raise invalid(param, f"{param} must be an object of {', '.join(sorted(known))}")
    name, description = value.get("name"), value.get("description") or ""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(f"{param}.name", f"{param}.name must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
    if not isinstance(value.get("strict"), bool | None):
        raise invalid(f"{param}.strict", f"{param}.strict must be true or false")
    if not isinstance(description, str):
        raise invalid(f"{param}.description", f"{param}.description must be text")
    check_text(f"{param}.description", description)
    schema = value.get("schema")
    if schema is None:
        return OutputFormat("json_object", vet_schema({"type": "object"}, param))
    return _wanted("json_schema", schema, f"{param}.schema", description)


def _wanted(kind: str, value: Any, param: str, description: str = "") -> OutputFormat:
    if kind == "regex":
        return OutputFormat("regex", vet_regex(value, param), param=param)
    if kind == "grammar":
        return OutputFormat("grammar", vet_grammar(value, param), param=param)
    if isinstance(value, str):  # a habit of servers that take the schema as text
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise invalid(param, f"{param} is a text, but no JSON text of a schema") from None
    text = vet_schema(value, param)
    schema = value if isinstance(value, Mapping) else {}
    return OutputFormat("json_schema", text, schema, description, param)


def messages_with_schema(
    messages: Sequence[Mapping[str, Any]], output: OutputFormat, *, takes_system: bool = True
) -> list[dict[str, Any]]:
    """The messages with the schema told in the system's words.

    A model that knows what it is to write writes better than one that is only held to it.

    :param messages: as templates take them; not changed.
    :param takes_system: False for a template that refuses the system's words: they are put before
        the first message.
    """
    told = [dict(message) for message in messages]
    if not output.is_json:
        return told
    words = _instruction(output)
    if told and told[0]["role"] == "system":
        told[0]["content"] = f"{told[0]['content']}\n{words}"
        return told
    if told and not takes_system:
        told[0]["content"] = f"{words}\n{told[0]['content']}"
        return told
    return [{"role": "system", "content": words}, *told]


def _instruction(output: OutputFormat) -> str:
    if output.schema is None:
        return "Answer with a JSON object."
    about = f"{output.description}\n" if output.description else ""
    schema = json.dumps(output.schema, ensure_ascii=False)
    return f"{about}Answer with JSON that matches this schema: {schema}"
