"""What models there are, what they can do, and what a call of one costs.

A registry is a JSON file for each provider. One is bundled; another can be named by its address. A
name's module is loaded when the name is first used.
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
    from llmring.registry.catalog import Catalog
    from llmring.registry.drift import Drift, PriceChange
    from llmring.registry.pricing import Cost, cost, usage_with_cost
    from llmring.registry.registry import Registry
    from llmring.registry.schemas import RegistryModel

# Which module each public name lives in.
_HOMES = {
    "llmring.registry.catalog": "Catalog",
    "llmring.registry.drift": "Drift PriceChange",
    "llmring.registry.pricing": "Cost cost usage_with_cost",
    "llmring.registry.registry": "Registry",
    "llmring.registry.schemas": "RegistryModel",
}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = [
    "Catalog",
    "Cost",
    "Drift",
    "PriceChange",
    "Registry",
    "RegistryModel",
    "cost",
    "usage_with_cost",
]
