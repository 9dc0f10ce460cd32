"""Structured output: what is asked of the provider, and the value made of its answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic_core import from_json, to_json

from cloud.llm.json_schema import JSONSchema, read_json
from cloud.llm.types import ChatResponse
from LLM.exceptions import InvalidRequestError, LLMContentFilterError, LLMResponseError
from LLM.secrets import Secrets, scrub, scrub_text
from LLM.structured import class_schema, is_model_class, parsed_content
from llmring.exceptions import AnswerValidationError, ValidationError
from llmring.schemas import LLMRequest
from llmring.structured.check import Check, MisfitError, compiled

#: Schemas that are kept, with what was made of them for providers.
_N_SCHEMAS = 128
#: Longer ones, in bytes of JSON, are not kept.
_MAX_KEPT_BYTES = 256 << 10
_JSON_OBJECT = {"type": "json_object"}


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """The form that an answer is to have.

    :param asked: what the provider is asked for: a `JSONSchema`, or a `response_format` as OpenAI
        has it (``{"type": "json_object"}``, or a form that only some providers know).
    :param model: the pydantic class that the answer becomes an object of; None for plain values.
    :param check: raises `MisfitError` for a value that does not fit; None where the answer need
        not fit, and has no value if it does not.
    """

    asked: JSONSchema | dict[str, Any]
    model: type[BaseModel] | None = None
    check: Check | None = None

    @property
    def strict(self) -> bool:
        """Whether an answer that does not fit is an error."""
        return self.check is not None or self.model is not None

    def parsed(self, response: ChatResponse, secrets: Secrets = None) -> Any:
        """The value of an answer; None where it has none (a refusal, a tool call).

        The answer's content becomes the value's own text where the model has put it into a block
        of code, has written nulls for properties left out, or an object around it.

        :param secrets: keys to keep out of errors, should the answer quote them.
        :raises AnswerValidationError: the answer must fit, and does not.
        :raises LLMContentFilterError: the provider's filter cut the answer, which must fit.
        """
        if response.refusal or response.tool_calls or not self._asks_for_json:
            return None
        if self.strict and response.finish_reason == "content_filter":
            raise LLMContentFilterError(
                "the content filter cut the answer, so it does not fit", code="content_filter"
            )
        try:
            value, response.content = self._read(response.content)
        except ValueError as err:
            if not self.strict:
                return None
            problem = f"it is no JSON: {err}"
        else:
            if self.model is not None:
                return _model(response, self.model, secrets)
            problem = self._misfit(value, secrets)
            if not problem:
                return value
        raise _misfit(problem, response, secrets)

    def _misfit(self, value: Any, secrets: Secrets) -> str:
        """What does not fit; empty if all does."""
        try:
            if self.check is not None:
                self.check(value)
        except MisfitError as err:
            problem = str(err)
        else:
            return ""
        # Values are quoted cut, and a key that is cut could not be found any more.
        return "it quotes the provider's key" if scrub(value, secrets) != value else problem

    @property
    def _asks_for_json(self) -> bool:
        return isinstance(self.asked, JSONSchema) or self.asked.get("type") == "json_object"

    def _read(self, text: str) -> tuple[Any, str]:
        return self.asked.read(text) if isinstance(self.asked, JSONSchema) else read_json(text)


def answer_format(request: LLMRequest) -> AnswerFormat | None:
    """The form that a request asks for; None for any text.

    :raises ValidationError: it cannot be asked for; the message says where it is wrong.
    """
    asked = request.response_format
    if asked is None:
        return _json_object(False) if request.json_response else None
    if is_model_class(asked):
        return _class_format(asked)
    if isinstance(asked, JSONSchema):
        return _given_format(asked)
    assert isinstance(asked, Mapping)
    kind = asked.get("type")
    if not isinstance(kind, str):
        raise _refused("has no 'type'; give a pydantic class, or {'type': 'json_schema', …}")
    if kind == "text":
        return None
    if kind not in ("json_schema", "json_object"):
        return AnswerFormat(dict(asked))
    nested = asked.get("json_schema")
    said = nested if isinstance(nested, Mapping) else asked
    strict = any(_strict(one) for one in (asked, said))
    if kind == "json_object" and said.get("schema") is None:
        return _json_object(strict)
    if said.get("schema") is None:
        raise _refused(
            "has no schema; give {'type': 'json_schema', 'json_schema': {'schema': {…}}}"
        )
    wanted = [said["schema"], said.get("name") or "answer", said.get("description") or "", strict]
    try:
        text = to_json(wanted)
        return (_kept_format if len(text) <= _MAX_KEPT_BYTES else _schema_format)(text)
    except ValueError as err:
        problem = str(err)
    except RecursionError:
        problem = "it is nested too deep"
    raise _refused(f"has a schema that cannot be written as JSON: {problem[:200]}")


def _schema_format(wanted: bytes) -> AnswerFormat:
    schema, name, description, strict = from_json(wanted)
    return _format(_json_schema(schema, name, strict=strict, description=description))


def _format(asked: JSONSchema) -> AnswerFormat:
    return AnswerFormat(asked, check=_compiled(asked) if asked.strict else None)


_kept_format = lru_cache(maxsize=_N_SCHEMAS)(_schema_format)
_given_format = lru_cache(maxsize=_N_SCHEMAS)(_format)


@lru_cache(maxsize=_N_SCHEMAS)
def _class_format(model: type[BaseModel]) -> AnswerFormat:
    try:
        schema = class_schema(model)
    except PydanticInvalidForJsonSchema as err:
        problem = err.message
    else:
        return AnswerFormat(_json_schema(schema, model.__name__), model)
    raise _refused(f"is the class {model.__name__}, which has no JSON schema: {problem}")


@lru_cache
def _json_object(strict: bool) -> AnswerFormat:
    return AnswerFormat(_JSON_OBJECT, check=compiled({"type": "object"}) if strict else None)


def _json_schema(schema: Any, name: str, **said: Any) -> JSONSchema:
    try:
        return JSONSchema(schema, name, **said)
    except InvalidRequestError as err:
        problem = err.message
    raise ValidationError(f"response_format cannot be asked for: {problem}", code="invalid_schema")


def _compiled(asked: JSONSchema) -> Check:
    try:
        return compiled(asked.schema)
    except InvalidRequestError as err:
        problem = err.message
    raise ValidationError(f"response_format cannot be strict: {problem}", code="invalid_schema")


def _strict(said: Mapping[str, Any]) -> bool:
    strict = said.get("strict")
    if not isinstance(strict, bool | None):
        raise _refused(f"has strict={strict!r}; give true or false")
    return bool(strict)


def _refused(problem: str) -> ValidationError:
    return ValidationError(f"response_format {problem}", code="invalid_schema")


def _model(response: ChatResponse, model: type[BaseModel], secrets: Secrets) -> BaseModel:
    try:
        return parsed_content(response.content, response.finish_reason, model, secrets)
    except LLMResponseError as err:
        problem = err
    raise AnswerValidationError(problem.message, body=problem.body, code=problem.code)


def _misfit(problem: str, response: ChatResponse, secrets: Secrets) -> AnswerValidationError:
    was_cut = response.finish_reason == "length"
    advice = "it was cut at max_tokens, so raise that" if was_cut else "its text is in `body`"
    return AnswerValidationError(
        f"the answer does not fit the schema: {problem}; {advice}",
        body=scrub_text(response.content, secrets),
        code="length" if was_cut else "schema_mismatch",
    )
