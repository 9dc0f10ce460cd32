"""`text`: what the text of a response must look like."""

from __future__ import annotations

from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import Fields, invalid


def take_text_format(fields: Fields) -> JSONObject:
    """Take `text`; its format, checked as far as it is not a schema.

    :raises InvalidRequestError: names the argument.
    """
    text = fields.take("text")
    if text is None:
        return {"type": "text"}
    if not isinstance(text, dict) or not set(text) <= {"format", "verbosity"}:
        raise invalid("text", "text must be an object of format and verbosity")
    if text.get("verbosity") is not None:
        if not isinstance(text["verbosity"], str):
            raise invalid("text.verbosity", "text.verbosity must be text")
        fields.ignored.append("text.verbosity")
    given = text.get("format")
    if given is None:
        return {"type": "text"}
    kind = given.get("type") if isinstance(given, dict) else None
    known = {"type", "name", "schema", "strict", "description"}
    if kind in ("text", "json_object") and set(given) == {"type"}:
        return {"type": kind}
    if (
        kind != "json_schema"
        or not set(given) <= known
        or not isinstance(given.get("schema"), dict)
    ):
        raise invalid(
            "text.format",
            "text.format must be {'type': 'text'}, {'type': 'json_object'} or "
            "{'type': 'json_schema', 'name': …, 'schema': …}, with strict and description or not",
        )
    return {name: value for name, value in given.items() if value is not None}


def response_format(text_format: JSONObject) -> JSONObject:
    """A text's format as a chat completion takes it."""
    if text_format["type"] != "json_schema":
        return text_format
    schema = {name: value for name, value in text_format.items() if name != "type"}
    return {"type": "json_schema", "json_schema": schema}
