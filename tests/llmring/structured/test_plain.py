"""Schemas said plainly, and answers read by them, mean what the caller's schema means."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from cloud.llm import JSONSchema
from tests.llmring.structured.schemas import CASES
from tests.llmring.structured.test_check import CORNERS, VALUES, spoilt


def spoilt_answers(name: str) -> Iterator[Any]:
    dice = random.Random(name)
    for _ in range(60):
        yield spoilt(CASES[name][1], dice)


@pytest.mark.parametrize("name", CASES)
def test_a_plain_schema_allows_nothing_that_the_schema_does_not(name: str) -> None:
    schema, value = CASES[name]
    plain, own = (Draft202012Validator(one) for one in (dict(JSONSchema(schema).plain), schema))
    assert plain.is_valid(value)
    assert [
        one for one in spoilt_answers(name) if plain.is_valid(one) and not own.is_valid(one)
    ] == []


@pytest.mark.parametrize("name", CASES)
def test_reading_leaves_an_answer_that_fits_as_fitting(name: str) -> None:
    schema, value = CASES[name]
    asked, own = JSONSchema(schema), Draft202012Validator(schema)
    assert asked.read(json.dumps(value))[0] == value
    fitting = [one for one in spoilt_answers(name) if own.is_valid(one)]
    assert [one for one in fitting if not own.is_valid(asked.read(json.dumps(one))[0])] == []


CORNER_JUDGES = [(JSONSchema(schema), Draft202012Validator(schema)) for schema in CORNERS]


@given(VALUES)
def test_corners_said_plainly_allow_no_more(value: Any) -> None:
    for asked, own in CORNER_JUDGES:
        plain = Draft202012Validator(dict(asked.plain))
        assert own.is_valid(value) or not plain.is_valid(value), own.schema
        read, _ = asked.read(json.dumps(value))
        assert own.is_valid(read) or not own.is_valid(value), own.schema
