"""Registry files are not trusted: what is wrong with one is said, and nothing of it is taken."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from llmring.exceptions import RegistryError
from llmring.registry.reading import MAX_MODELS, MAX_REGISTRY_BYTES, read_catalog
from tests.llmring.registry.support import PRICE, entry, registry_file


def test_a_file_is_read_with_its_version_and_unknown_fields() -> None:
    data = registry_file({**entry("m"), "speed_tier": "fast"}, version=7, updated_at="2026-11-21")
    catalog = read_catalog(data, "openai", "f")
    assert (catalog.version, catalog.updated_at) == (7, "2026-11-21")
    assert catalog.models["m"].model_dump()["speed_tier"] == "fast"


def test_null_is_what_is_not_said() -> None:
    one = {**entry("m"), "supports_vision": None, "is_active": None, f"{PRICE}cache_read": None}
    found = read_catalog(registry_file(one), "openai", "f").models["m"]
    assert (found.supports_vision, found.is_active) == (None, True)


def test_a_time_is_taken_for_its_day() -> None:
    one = {**entry("m"), "added_date": "2025-10-20T16:00:00Z"}
    found = read_catalog(registry_file(one), "openai", "f").models["m"]
    assert str(found.added_date) == "2025-10-20"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no JSON"),
        (b"<html>", "no JSON"),
        (b'{"models": {"openai:m": {"x": NaN}}}', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no object 'models'"),
        (b'{"models": []}', "no object 'models'"),
        (registry_file(entry("m"), provider="google"), "provider 'google', not of 'openai'"),
        (b'{"models": {"google:m": {}}}', "is no entry of 'openai'"),
        (b" " * (MAX_REGISTRY_BYTES + 1), "more than 4,194,304 bytes"),
        (
            json.dumps({"models": dict.fromkeys(map(str, range(MAX_MODELS + 1)))}).encode(),
            "lists 4,001 models",
        ),
    ],
    ids=["empty", "html", "nan", "deep", "list", "no models", "provider", "keys", "large", "many"],
)
def test_a_file_that_is_none_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(RegistryError, match=problem):
        read_catalog(data, "openai", "f")


@pytest.mark.parametrize(
    "fields",
    [
        {f"{PRICE}input": -1.0},
        {f"{PRICE}input": "1.0"},
        {f"{PRICE}input": True},
        {f"{PRICE}input": 1e300},
        {f"{PRICE}output": [1]},
        {"max_input_tokens": -1},
        {"max_input_tokens": 10**30},
        {"supports_vision": "yes"},
        {"model_aliases": ["a b"]},
        {"model_aliases": ["a"] * 1000},
        {"long_context_scope": "sometimes"},
        {"added_date": "soon"},
        {"description": "x" * 10_000},
    ],
    ids=lambda fields: str(fields)[:60],
)
def test_an_entry_that_cannot_be_is_left_out_and_told(
    fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "llmring.registry")
    catalog = read_catalog(registry_file({**entry("bad"), **fields}, entry("good")), "openai", "f")
    assert list(catalog.models) == ["good"]
    assert "1 of 2 entries cannot be read; first: 'openai:bad'" in caplog.text


def test_a_file_of_bad_entries_alone_is_refused() -> None:
    with pytest.raises(RegistryError, match="1 of 1 entries cannot be read"):
        read_catalog(registry_file(entry("m", input=-1.0)), "openai", "f")


@pytest.mark.parametrize("version", [0, -1, 1.5, "3", True, 10**30], ids=repr)
def test_a_version_that_is_none_is_not_taken(version: Any) -> None:
    assert read_catalog(registry_file(entry("m"), version=version), "openai", "f").version is None
