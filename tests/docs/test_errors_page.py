"""docs/errors.md holds the classes as they are: the trees, the tables, llmring's names."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from documentation.homes import PACKAGES

from LLM import LLMError
from llmring.exceptions import LLMRingError, wrap_exception

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text("utf-8")
FIRST, SECOND = re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def all_errors() -> set[type[LLMError]]:
    """Every class of error that a package exports."""
    modules = [importlib.import_module(package) for package in PACKAGES]
    values = [getattr(module, name) for module in modules for name in module.__all__]
    return {one for one in values if isinstance(one, type) and issubclass(one, LLMError)}


RING = {one for one in all_errors() if issubclass(one, LLMRingError)}
OTHERS = (all_errors() - RING) | {LLMRingError}


def edges(tree: str) -> set[tuple[str, str]]:
    """Each class of a drawn tree, and the one that it hangs from."""
    found, path = set(), [""] * 10
    for line in tree.splitlines():
        name = re.search(r"\w+", line)
        assert name is not None
        depth = name.start() // 4
        path[depth] = name[0]
        found.add((name[0], path[depth - 1] if depth else ""))
    return found


def rows(heading: str) -> dict[str, str]:
    """The rows of the table under a heading, by each class that they begin with."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = {}
    for line in part.splitlines():
        if line.startswith("| `") and "Error" in line.split("|")[1]:
            for name in re.findall(r"`(\w+)`", line.split("|")[1]):
                found[name] = line
    return found


def parent(error: type[LLMError], root: type[LLMError]) -> str:
    return "" if error is root else error.__bases__[0].__name__


def test_the_first_tree_is_that_of_the_classes() -> None:
    assert edges(FIRST) == {(one.__name__, parent(one, LLMError)) for one in OTHERS}


def test_the_second_tree_is_that_of_llmring() -> None:
    assert edges(SECOND) == {(one.__name__, parent(one, LLMRingError)) for one in RING}


@pytest.mark.parametrize("error", sorted(RING, key=str), ids=lambda error: error.__name__)
def test_the_second_tree_tells_which_class_of_the_layers_below_it_is(
    error: type[LLMError],
) -> None:
    line = next(line for line in SECOND.splitlines() if re.search(rf"\b{error.__name__}\b", line))
    others = [base.__name__ for base in error.__bases__[1:]] or ["LLMError"] * (
        error is LLMRingError
    )
    told = re.findall(r"\w+Error\b", line.partition(error.__name__)[2])
    assert told == others


def test_each_class_has_its_row() -> None:
    assert {one.__name__ for one in OTHERS} - {"LLMRingError"} == set(rows("The tree"))
    named = " ".join(rows("llmring's names").values()) + " ".join(rows("The tree").values())
    assert {one.__name__ for one in RING if f"`{one.__name__}`" not in named} == set()


@pytest.mark.parametrize(
    "error",
    sorted((one for one in OTHERS if one.__module__ == "LLM.exceptions"), key=str),
    ids=lambda error: error.__name__,
)
def test_a_row_tells_llmrings_name(error: type[LLMError]) -> None:
    name = type(wrap_exception(error("it failed"))).__name__
    told = rows("The tree")[error.__name__].split("|")[4]
    assert f"`{name}`" in told or (not told.strip() and name == "ProviderError")
