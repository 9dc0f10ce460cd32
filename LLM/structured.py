"""Structured output: a pydantic class as the JSON schema asked for, the answer as its object."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeGuard, TypeVar

from pydantic import BaseModel, ValidationError

from LLM.exceptions import LLMContentFilterError, LLMResponseError
from LLM.json_size import MAX_WRITTEN_VALUES, has_too_many_values
from LLM.schemas import OPENAI, fitted_schema, is_open, rooted
from LLM.secrets import Secrets, scrub, scrub_text
from LLM.types import Choice

ModelT = TypeVar("ModelT", bound=BaseModel)

#: Classes whose schemas are kept: pydantic takes 2 ms to write one of twenty fields.
_N_CLASSES = 128
# Providers cap the schema's name at 64 characters of this set.
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def is_model_class(value: Any) -> TypeGuard[type[BaseModel]]:
    """Whether `value` is a pydantic model class."""
    return isinstance(value, type) and issubclass(value, BaseModel)


@lru_cache(maxsize=_N_CLASSES)
def class_schema(model: type[BaseModel]) -> Mapping[str, Any]:
    """The class's JSON schema as pydantic writes it; not to be changed, for it is kept."""
    return model.model_json_schema()


@lru_cache(maxsize=_N_CLASSES)
def response_format_of(model: type[BaseModel]) -> dict[str, Any]:
    """The `response_format` that makes a provider answer with `model`'s fields.

    It is strict, with every field required, unless the class leaves something open that strictness
    would forbid: a dict of any keys, a field of any type, a tuple, a root that is no object. Such
    a schema is for the model to keep to as well as it can; the class checks its answer either way.

    It is kept, and not to be changed.

    :raises InvalidRequestError: the class is nested too deep.
    Source: https://platform.openai.com/docs/guides/structured-outputs.
    """
    schema = rooted(class_schema(model))
    strict = fitted_schema(schema, OPENAI, "response_format")
    is_strict = strict.get("type") == "object" and not is_open(strict)
    return {
        "type": "json_schema",
        "json_schema": {
            "name": _NOT_IN_NAME.sub("_", model.__name__)[:64],
            "schema": strict if is_strict else schema,
            "strict": is_strict,
        },
    }


def parse_choices(
    choices: Iterable[Choice], model: type[BaseModel], secret: Secrets = None
) -> None:
    """Fill in each message's `parsed`. Refusals and tool calls have nothing to parse.

    :param secret: keys to keep out of the error.
    :raises LLMResponseError: a content does not fit `model`; the message says where.
    :raises LLMContentFilterError: the provider's filter cut the content.
    """
    for choice in choices:
        message = choice.message
        if message.refusal or message.tool_calls or message.function_call:
            continue
        message.parsed = parsed_content(message.content, choice.finish_reason, model, secret)


def parsed_content(
    content: str | None, finish_reason: str | None, model: type[ModelT], secret: Secrets = None
) -> ModelT:
    """An answer's content as `model`.

    :param finish_reason: why the answer ended, for the advice.
    :param secret: keys to keep out of the error.
    :raises LLMResponseError: the content does not fit `model`; the message says where.
    :raises LLMContentFilterError: the provider's filter cut the content.
    """
    if finish_reason == "content_filter":
        raise LLMContentFilterError(
            f"the content filter cut the answer, so it is no {model.__name__}",
            code="content_filter",
        )
    problem = f"it holds more than {MAX_WRITTEN_VALUES:,} values"
    try:
        if not has_too_many_values(content or "", MAX_WRITTEN_VALUES):
            return model.model_validate_json(content or "")
    except ValidationError as err:
        problem = _first_problem(err)
    # Out of the handler: the validation error quotes the answer, which may echo the key.
    raise LLMResponseError(
        f"the answer does not fit {model.__name__}: {scrub_text(problem, secret)}; "
        + _advice(finish_reason),
        body=scrub(content, secret),
        code="length" if finish_reason == "length" else "schema_mismatch",
    )


def _first_problem(err: ValidationError) -> str:
    first = err.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{first['msg']} (at {place!r})" if place else str(first["msg"])


def _advice(finish_reason: str | None) -> str:
    if finish_reason == "length":
        return "it was cut at max_tokens, so raise that"
    return "the text is in the error's body"
