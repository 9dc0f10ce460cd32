"""The pattern that finds any of many names."""

from __future__ import annotations

import random
import re

import pytest

from local_llm_kit.name_pattern import name_pattern

NAMES = ["<|im_start|>", "<|im_end|>", "<|im_end", "<s>", "</s>", "[INST]", "a.b*", "<"]


@pytest.mark.parametrize(
    "names", [NAMES, ["x"], ["a" * n for n in range(1, 60)]], ids=["some", "one", "nested"]
)
def test_it_finds_what_the_names_one_by_one_would_find(names: list[str]) -> None:
    one_by_one = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
    pick = random.Random(5)
    text = "".join(pick.choice([*names, "<|im", "a", ">", "\n", "[IN"]) for _ in range(2000))
    pattern = name_pattern(names)
    assert pattern is not None
    assert pattern.findall(text) == one_by_one.findall(text)


@pytest.mark.parametrize("names", [[], [""]], ids=str)
def test_no_names_are_no_pattern(names: list[str]) -> None:
    assert name_pattern(names) is None
