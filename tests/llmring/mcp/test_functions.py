"""Python functions as tools: schema, arguments, results."""

from __future__ import annotations

import asyncio
import functools
import threading
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from llmring.exceptions import ToolError
from llmring.mcp.client.docstrings import described
from llmring.mcp.client.functions import tool_of
from llmring.mcp.tools import Tool, ToolResult


class Place(BaseModel):
    """Where."""

    city: str
    country: str = "Italy"


def run(tool: Tool, **arguments: Any) -> ToolResult:
    async def main() -> ToolResult:
        return await tool.run(arguments, None)

    return asyncio.run(main())


def test_schema_comes_from_annotations_and_docstring() -> None:
    def book(
        day: date, kind: Literal["boat", "bike"], hours: Annotated[int, Field(ge=1)] = 1
    ) -> str:
        """Book a tour.

        :param day: when it begins,
            in the harbour's time.
        :param hours: how long.
        :return: the number.
        """
        return f"{day:%A} {kind} {hours}"

    tool = tool_of(book)
    assert (tool.name, tool.description) == ("book", "Book a tour.")
    assert tool.parameters == {
        "type": "object",
        "additionalProperties": False,
        "required": ["day", "kind"],
        "properties": {
            "day": {
                "type": "string",
                "format": "date",
                "description": "when it begins, in the harbour's time.",
            },
            "kind": {"type": "string", "enum": ["boat", "bike"]},
            "hours": {"type": "integer", "minimum": 1, "default": 1, "description": "how long."},
        },
    }
    assert run(tool, day="2026-11-22", kind="boat").content == "Sunday boat 1"


def test_pydantic_classes_are_made_of_arguments() -> None:
    def where(place: Place, schema: str = "", self: int = 0) -> str:
        assert isinstance(place, Place)
        return f"{place.city}, {place.country}{schema}"

    tool = tool_of(where)
    assert set(tool.parameters["properties"]) == {"place", "schema", "self"}
    assert run(tool, place={"city": "Rome"}, schema="!").content == "Rome, Italy!"


def test_arguments_that_do_not_fit_the_annotations_are_an_error() -> None:
    def on(day: date) -> str:
        return str(day)

    with pytest.raises(ToolError, match="the arguments do not fit: day: Input should be a valid"):
        run(tool_of(on), day="tomorrow")


@pytest.mark.parametrize(
    ("value", "content", "structured"),
    [
        ("text", "text", None),
        (None, "done", None),
        ([1, 2], "[1,2]", None),
        ({"on": date(2026, 1, 2)}, '{"on":"2026-01-02"}', {"on": "2026-01-02"}),
        (Place(city="Rome"), '{"city":"Rome","country":"Italy"}', Place(city="Rome").model_dump()),
        (ToolResult("as it is", is_error=True), "as it is", None),
    ],
    ids=["text", "none", "list", "dict", "pydantic", "ToolResult"],
)
def test_results_are_told_as_text(value: Any, content: str, structured: Any) -> None:
    result = run(tool_of(lambda: value, "give"))
    assert (result.content, result.structured) == (content, structured)
    assert result.is_error == isinstance(value, ToolResult)


def test_a_result_without_json_form_is_an_error() -> None:
    with pytest.raises(ToolError, match="'give' gave a object, which cannot be written as JSON"):
        run(tool_of(lambda: object(), "give"))


def test_plain_functions_run_in_a_daemon_thread() -> None:
    def where() -> str:
        thread = threading.current_thread()
        return f"{thread.name} {thread.daemon}"

    assert run(tool_of(where)).content == "llmring-tool True"


def test_async_functions_run_in_the_callers_loop() -> None:
    async def where() -> str:
        return threading.current_thread().name

    class Where:
        async def __call__(self) -> str:
            return await where()

    bound = functools.partial(where)
    for function in (where, bound, Where()):
        assert run(tool_of(function, "where")).content == "MainThread"


@pytest.mark.parametrize("error", [StopIteration(1), SystemExit(1)], ids=repr)
def test_what_no_future_takes_is_an_error_of_the_tool(error: BaseException) -> None:
    def stop() -> None:
        raise error

    with pytest.raises(RuntimeError, match="it ended with"):
        run(tool_of(stop))


def test_a_result_that_comes_too_late_is_dropped() -> None:
    begun, go_on = threading.Event(), threading.Event()
    threads = []

    def slow() -> str:
        threads.append(threading.current_thread())
        begun.set()
        go_on.wait(10)
        return "late"

    async def main() -> None:
        task = asyncio.create_task(tool_of(slow).run({}, None))
        while not begun.is_set():
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    go_on.set()
    threads[0].join(10)
    assert not threads[0].is_alive()


def test_given_parameters_are_taken_as_they_are() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    tool = tool_of(lambda **given: given, "echo", "Echo.", schema)
    assert (tool.parameters, tool.description) == (schema, "Echo.")
    assert run(tool, n=1).structured == {"n": 1}


def test_defaults_that_json_has_not_are_left_out() -> None:
    def f(x: Any = ..., y: Any = object) -> str:
        return f"{x is ...} {y is object}"

    assert run(tool_of(f), x=1).content == "False True"


def anything(*values: int) -> None: ...
def positional(x: int, /) -> None: ...
def unknown(x: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def missing(x: threading.Nowhere) -> None: ...  # type: ignore[name-defined]
def words(x: "two words") -> None: ...  # type: ignore[valid-type]  # noqa: F722
def thread(x: threading.Thread) -> None: ...


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (anything, "takes 'values', which cannot be given by name"),
        (positional, "takes 'x', which cannot be given by name"),
        (unknown, "cannot be read: name 'Nowhere' is not defined"),
        (missing, "has no attribute 'Nowhere'; give parameters=…"),
        (words, "cannot be read: Forward reference must be an expression"),
        (thread, "has a parameter"),
        (functools.partial(anything), "is a partial, which has no name"),
        (3, "a tool is a function or a Tool, not int"),
        (Place, "a tool is a function or a Tool, not ModelMetaclass"),
    ],
    ids=[
        "any number",
        "by place",
        "unknown name",
        "missing name",
        "no annotation",
        "no schema",
        "no name",
        "no function",
        "class",
    ],
)
def test_what_cannot_be_a_tool_is_refused(function: Any, problem: str) -> None:
    with pytest.raises(ToolError) as caught:
        tool_of(function)
    assert problem in str(caught.value)


def google(city: str, days: int) -> None:
    """Get the weather.

    In some days.

    Args:
        city (str): Which city,
            by its name.
        days: How many: a number.

    Returns:
        Nothing.
    """


def bare(city: str) -> None:
    pass


def test_googles_style_is_read() -> None:
    assert described(google) == (
        "Get the weather.\n\nIn some days.",
        {"city": "Which city, by its name.", "days": "How many: a number."},
    )


def test_no_docstring_says_nothing() -> None:
    assert described(bare) == ("", {})
