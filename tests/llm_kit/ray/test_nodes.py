"""Which machines of a cluster can hold workers."""

from __future__ import annotations

from typing import Any

import pytest

from LLM import LLMConfigError
from llm_kit.ray.nodes import count_places


def node(cpus: float, gpus: float = 0.0, *, alive: bool = True) -> dict[str, Any]:
    resources = {"CPU": cpus} | ({"GPU": gpus} if gpus else {})
    return {"Alive": alive, "Resources": resources if alive else {}}


@pytest.mark.parametrize(
    ("nodes", "num_cpus", "num_gpus", "places"),
    [
        ([node(2)], 1, 0, 1),
        ([node(16), node(16), node(1)], 4, 0, 2),
        ([node(2), node(2, alive=False)], 1, 0, 1),
        ([node(16, 8), node(16)], 1, 1, 8),
        ([node(16, 1)], 1, 1 / 3, 3),
        ([node(16, 4)], 8, 1, 2),
        ([node(4, 2)], 0, 1, 2),
        ([node(0), node(2)], 0, 0, 1),
    ],
    ids=["one", "large ones", "dead", "gpus", "thirds", "cpus", "no cpus", "head"],
)
def test_a_machine_or_a_gpu_is_a_place(
    nodes: list[dict[str, Any]], num_cpus: float, num_gpus: float, places: int
) -> None:
    assert count_places(nodes, num_cpus, num_gpus) == places


def test_what_no_machine_has_is_named_beside_what_they_have() -> None:
    with pytest.raises(LLMConfigError, match=r"num_gpus=1.*4 CPUs and 0 GPUs"):
        count_places([node(4), node(2)], 1, 1)
