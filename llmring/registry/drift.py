"""What has changed between the state of a registry that a lockfile pins and the current one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from llmring.registry.catalog import Catalog
from llmring.registry.schemas import PRICE_PREFIX, RegistryModel


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A price that is another.

    :param model: the model's name.
    :param price: which one: ``input``, ``output``, ``cache_read``, ….
    :param pinned: dollars for a million tokens as pinned; None for none.
    :param current: the same, now.
    """

    model: str
    price: str
    pinned: float | None
    current: float | None


@dataclass(frozen=True, slots=True)
class Drift:
    """What has changed since a state of a provider's list was pinned.

    :param added_models: names that are new, in order.
    :param removed_models: names that are gone, or no longer active, in order.
    :param price_changes: prices that are others, by model.
    """

    provider: str
    pinned_version: int | None
    current_version: int | None
    added_models: tuple[str, ...] = ()
    removed_models: tuple[str, ...] = ()
    price_changes: tuple[PriceChange, ...] = ()

    @property
    def has_drift(self) -> bool:
        """Whether anything has changed."""
        return bool(self.added_models or self.removed_models or self.price_changes)

    def to_dict(self) -> dict[str, Any]:
        """The report, ready for JSON."""
        return {"has_drift": self.has_drift, **asdict(self)}


def drift(pinned: Catalog, current: Catalog) -> Drift:
    """:return: what is in `current` and was not, or was otherwise, in `pinned`."""
    before = {model.model_name: model for model in pinned if model.is_active}
    now = {model.model_name: model for model in current if model.is_active}
    changes = [
        change
        for name in sorted(before.keys() & now.keys())
        for change in _price_changes(before[name], now[name])
    ]
    return Drift(
        provider=current.provider,
        pinned_version=pinned.version,
        current_version=current.version,
        added_models=tuple(sorted(now.keys() - before.keys())),
        removed_models=tuple(sorted(before.keys() - now.keys())),
        price_changes=tuple(changes),
    )


def _price_changes(pinned: RegistryModel, current: RegistryModel) -> list[PriceChange]:
    prices = [name for name in RegistryModel.model_fields if name.startswith(PRICE_PREFIX)]
    return [
        PriceChange(
            current.model_name,
            name.removeprefix(PRICE_PREFIX),
            getattr(pinned, name),
            getattr(current, name),
        )
        for name in prices
        if getattr(pinned, name) != getattr(current, name)
    ]
