"""Which machines of a cluster can hold workers."""

from __future__ import annotations

import math
from typing import Any

from LLM.exceptions import LLMConfigError


def count_places(nodes: list[dict[str, Any]], num_cpus: float, num_gpus: float) -> int:
    """Workers that a job has unless told: one for each machine, or as many as its GPUs hold.

    :param nodes: as `ray.nodes()` gives them.
    :param num_cpus: CPUs of a worker.
    :param num_gpus: GPUs of a worker.
    :raises LLMConfigError: no machine has what a worker needs.
    """
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    n_places = sum(_places_of(resources, num_cpus, num_gpus) for resources in alive)
    if not n_places:
        has = max(
            ((node.get("CPU", 0.0), node.get("GPU", 0.0)) for node in alive), default=(0.0, 0.0)
        )
        raise LLMConfigError(
            f"no machine of the Ray cluster has num_cpus={num_cpus:g} and num_gpus={num_gpus:g},"
            f" which each worker needs; the largest has {has[0]:g} CPUs and {has[1]:g} GPUs. Ask"
            " for less, or give workers where the cluster grows with what is asked of it"
        )
    return n_places


def _places_of(resources: dict[str, float], num_cpus: float, num_gpus: float) -> int:
    n_cpus, n_gpus = resources.get("CPU", 0.0), resources.get("GPU", 0.0)
    if n_cpus < num_cpus or n_gpus < num_gpus or not n_cpus:
        return 0
    if not num_gpus:
        return 1
    # Three thirds of a GPU are a GPU, in whatever way a float says it.
    by_gpus = int(n_gpus / num_gpus + 1e-6)
    return min(by_gpus, int(n_cpus / num_cpus + 1e-6)) if num_cpus else by_gpus


def check_count(name: str, count: int | None) -> None:
    """:raises LLMConfigError: `count` is no whole number from 1 on, and not None."""
    if count is not None and (type(count) is not int or count < 1):
        raise LLMConfigError(f"{name} is {count!r}; it must be a whole number of at least 1")


def check_amount(name: str, amount: float) -> None:
    """:raises LLMConfigError: `amount` is no number from 0 on."""
    if type(amount) not in (int, float) or not math.isfinite(amount) or amount < 0:
        raise LLMConfigError(f"{name} is {amount!r}; it must be a number of at least 0")
