"""Python functions as tools: their schema is made of their annotations and docstring."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic import ValidationError as PydanticValidationError
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError, from_json, to_json

from LLM.threads import in_daemon_thread
from llmring.exceptions import ToolError
from llmring.mcp.client.docstrings import described
from llmring.mcp.tools import OnProgress, Tool, ToolResult
from llmring.pydantic_errors import problems

#: What a model is told of arguments that do not fit, at most.
_MAX_PROBLEMS = 5


def tool_of(
    function: Any,
    name: str | None = None,
    description: str | None = None,
    parameters: dict[str, Any] | None = None,
) -> Tool:
    """A function as a tool.

    An async function runs in the caller's event loop, and is cancelled with the call. A plain one
    runs in a thread; nothing can stop it, so after a timeout its result is dropped when it comes.
    What it returns is told to the model: text as it is, anything else as JSON; a `ToolResult` is
    taken as it is.

    :param function: its parameters can be given by name. What has a default need not be given.
    :param name: None takes the function's own.
    :param description: None takes what the docstring says before its parameters.
    :param parameters: JSON schema of the arguments; None makes one of the annotations, by which the
        arguments are converted, too: a parameter that is a pydantic class gets an object of it.
    :raises ToolError: the function cannot be a tool; the message says why.
    """
    if not callable(function) or isinstance(function, type):
        raise ToolError(f"a tool is a function or a Tool, not {type(function).__name__}")
    name = name or getattr(function, "__name__", "")
    if not name:
        raise ToolError(f"the tool is a {type(function).__name__}, which has no name; give name=…")
    said = described(function)
    told = said.summary if description is None else description
    read: Callable[[dict[str, Any]], dict[str, Any]] = dict
    if parameters is None:
        model = _model(function, name, said.parameters)
        parameters, read = _schema(model, name), functools.partial(_read, model)
    call = _called(function)

    async def run(arguments: dict[str, Any], _: OnProgress | None) -> ToolResult:
        return _result(await call(read(arguments)), name)

    return Tool(name, told, parameters, run)


def _model(
    function: Callable[..., Any], name: str, descriptions: Mapping[str, str]
) -> type[BaseModel]:
    """A class whose fields are the parameters of a function.

    The fields go by numbers, and the names are their aliases: a parameter may be called as
    something is that every pydantic class has.
    """
    fields: dict[str, Any] = {}
    for number, parameter in enumerate(_parameters(function, name)):
        default = ... if parameter.default is parameter.empty else parameter.default
        annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
        said = descriptions.get(parameter.name)
        field = Field(default, alias=parameter.name, description=said)
        fields[f"argument_{number}"] = (annotation, field)
    try:
        return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    except (PydanticUserError, TypeError, NameError) as err:
        raise ToolError(
            f"the function {name!r} has a parameter that no model can give: {err}; give "
            "parameters=…",
            err,
        ) from err


def _parameters(function: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    try:
        found = list(inspect.signature(function).parameters.values())
        hints = typing.get_type_hints(_annotated(function), include_extras=True)
    except (TypeError, ValueError, NameError, AttributeError, SyntaxError) as err:
        raise ToolError(
            f"the parameters of the function {name!r} cannot be read: {err}; give parameters=…", err
        ) from err
    for one in found:
        if one.kind not in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
            raise ToolError(
                f"the function {name!r} takes {one.name!r}, which cannot be given by name; wrap it "
                "in a function that takes what the model is to give"
            )
    return [one.replace(annotation=hints.get(one.name, one.annotation)) for one in found]


def _annotated(function: Any) -> Any:
    """What has the annotations of a function, which may be an object that is called."""
    while isinstance(function, functools.partial):
        function = function.func
    is_plain = inspect.isfunction(function) or inspect.ismethod(function)
    return function if is_plain or inspect.isbuiltin(function) else type(function).__call__


class _Plain(GenerateJsonSchema):
    """Schemas without titles, which only repeat the names, and cost tokens."""

    #: A default that JSON does not have is left out.
    ignored_warning_kinds = {"non-serializable-default"}  # noqa: RUF012  # as pydantic has it

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _schema(model: type[BaseModel], name: str) -> dict[str, Any]:
    try:
        schema = model.model_json_schema(schema_generator=_Plain)
    except PydanticUserError as err:
        raise ToolError(
            f"the function {name!r} has a parameter without JSON schema: {err.message}; give "
            "parameters=…",
            err,
        ) from err
    schema.pop("title", None)
    return schema


def _read(model: type[BaseModel], arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments as the function's annotations want them; what was not given is left out."""
    try:
        read = model.model_validate(arguments)
    except PydanticValidationError as err:
        text = "; ".join(problems(err)[:_MAX_PROBLEMS])
    else:
        fields = type(read).model_fields
        return {str(fields[name].alias): getattr(read, name) for name in read.model_fields_set}
    raise ToolError(f"the arguments do not fit: {text}")


def _called(function: Callable[..., Any]) -> Callable[[dict[str, Any]], Any]:
    is_async = inspect.iscoroutinefunction(_annotated(function))

    async def call(arguments: dict[str, Any]) -> Any:
        if is_async:
            return await function(**arguments)
        result = await in_daemon_thread(functools.partial(function, **arguments), "llmring-tool")
        # A plain function may give a coroutine, as those do that a decorator made.
        return await result if inspect.isawaitable(result) else result

    return call


def _result(value: Any, name: str) -> ToolResult:
    if isinstance(value, ToolResult):
        return value
    if value is None or isinstance(value, str):
        return ToolResult(value if value is not None else "done")
    try:
        text = to_json(value).decode()
    except (PydanticSerializationError, ValueError, RecursionError) as err:
        raise ToolError(
            f"the tool {name!r} gave a {type(value).__name__}, which cannot be written as JSON", err
        ) from err
    plain = from_json(text)
    return ToolResult(text, structured=plain if isinstance(plain, dict) else None)
