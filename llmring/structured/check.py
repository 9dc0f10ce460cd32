"""Whether a value fits a JSON schema, draft 2020-12: by jsonschema, in bounded time and memory.

Schemas and answers may come from strangers, and references and alternatives multiply without end.
So each keyword that is tried is counted, and the count is bounded; what costs more than the count
tells is replaced, in `keywords`. ``format`` is an annotation, as the standard has it by
default.

Source: https://json-schema.org/draft/2020-12/json-schema-core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from itertools import islice
from typing import Any

from pydantic_core import from_json, to_json

from cloud.llm.json_schemas.check import Schema
from llmring.structured.keywords import (
    ITEMS_PER_TRY,
    Errors,
    Keyword,
    TooMuchError,
    keywords,
    prepared,
    take,
    tries_left,
)
from llmring.structured.values import CONTAINERS, short

#: Keywords tried for one value: one or two seconds' work.
MAX_TRIES = 100_000
#: Longest problem that is told, and longest place, in characters.
_MAX_PROBLEM_CHARS, _MAX_PLACE_CHARS = 300, 200

#: Raises `MisfitError` for a value that does not fit.
Check = Callable[[Any], None]


class MisfitError(Exception):
    """A value does not fit a schema; the message says where, and why."""


def compiled(schema: Schema) -> Check:
    """A function that checks values; threads may share it.

    :param schema: one that `check_schema` lets pass.
    :raises InvalidRequestError: it has a keyword or a pattern that cannot be checked here.
    """
    validator = _validator_class()(prepared(short(from_json(to_json(schema)))))

    def check(value: Any) -> None:
        tries_left.set([MAX_TRIES])
        try:
            error = next(validator.iter_errors(short(value)), None)
        except TooMuchError:
            problem = f"at $: it takes more than {MAX_TRIES:,} tries to check"
        except RecursionError:
            problem = "at $: it is nested too deep to be checked"
        else:
            if error is None:
                return
            problem = f"at ${_place(error.path)}: {error.message[:_MAX_PROBLEM_CHARS]}"
        raise MisfitError(problem)

    return check


def _place(path: Iterable[str | int]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps)[:_MAX_PLACE_CHARS]


@cache
def _validator_class() -> Any:
    from jsonschema import Draft202012Validator, validators  # type: ignore[import-untyped]

    counted = {name: _counted(one) for name, one in keywords().items()}
    return validators.extend(Draft202012Validator, counted)


def _counted(keyword: Keyword) -> Keyword:
    """A keyword whose tries are counted, and which tells its first error only."""

    def count_and_try(validator: Any, wanted: Any, value: Any, schema: Any) -> Errors:
        n_items = len(value) if type(value) in CONTAINERS else 0
        if type(wanted) in CONTAINERS:
            n_items += len(wanted)
        take(1 + n_items // ITEMS_PER_TRY)
        return islice(keyword(validator, wanted, value, schema), 1)

    return count_and_try
