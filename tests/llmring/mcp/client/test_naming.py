"""Names that a model may call tools by."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmring.mcp.client.naming import legal_names

_LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")


def test_a_legal_name_stays() -> None:
    assert legal_names(["read_file", "a-b"], "mcp_") == {
        "read_file": "mcp_read_file",
        "a-b": "mcp_a-b",
    }


@pytest.mark.parametrize("name", ["a.b", "é", "x" * 61, "", "a b", "\ud800"])
def test_another_name_is_made_legal_by_a_digest(name: str) -> None:
    made = legal_names([name], "mcp_")[name]
    assert re.fullmatch(r"mcp_[A-Za-z0-9_-]*_[0-9a-f]{8}", made)
    assert len(made) <= 64


def test_names_that_look_alike_are_told_apart() -> None:
    assert len(set(legal_names(["a.b", "a/b", "a_b"]).values())) == 3


def test_a_name_does_not_depend_on_the_others() -> None:
    alone = legal_names(["a.b"])["a.b"]
    assert legal_names(["a/b", "a_b", "a.b"])["a.b"] == alone


def test_a_name_that_meets_a_made_one_keeps_itself() -> None:
    made = legal_names(["a.b"])["a.b"]
    names = legal_names(["a.b", made])
    assert names[made] == made
    assert names["a.b"] != made


@given(st.lists(st.text(max_size=80), unique=True, max_size=30), st.sampled_from(["", "mcp_"]))
def test_all_names_are_legal_and_unique(names: list[str], prefix: str) -> None:
    made = legal_names(names, prefix)
    assert list(made) == sorted(names, key=list(made).index)
    assert len(set(made.values())) == len(names)
    assert all(_LEGAL.fullmatch(name) and name.startswith(prefix) for name in made.values())
