"""`RayEngine`, as far as it goes without a cluster."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from LLM import LLMConfigError
from llm_kit.ray import Answerer, RayEngine, WorkerPlace


def never(_: WorkerPlace) -> Answerer:
    raise AssertionError("no worker is made here")


@pytest.mark.parametrize(
    "setting",
    [
        {"workers": 0},
        {"workers": True},
        {"concurrency": 0},
        {"concurrency": 2.5},
        {"num_cpus": -1},
        {"num_cpus": float("nan")},
        {"num_gpus": "1"},
    ],
    ids=str,
)
def test_a_setting_that_cannot_work_is_named(setting: dict[str, Any]) -> None:
    with pytest.raises(LLMConfigError, match=next(iter(setting))):
        RayEngine(never, **setting)


def test_a_missing_ray_is_named_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LLMConfigError, match=r"ray\[data\].*pip install '\.\[ray\]'"):
        RayEngine(never).run(iter(()), lambda _: None)


@pytest.mark.parametrize("address", ["ray://127.0.0.1:10001", 6379], ids=str)
def test_an_address_that_is_none_is_named(address: Any) -> None:
    with pytest.raises(LLMConfigError, match=r"address is .*host:port"):
        RayEngine(never, address=address).run(iter(()), lambda _: None)
