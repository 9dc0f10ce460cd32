"""From genai-prices' list to the fields of a registry: names, prices, what is announced."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
)

# Google's list has models of others, which it serves by another API than Gemini's.
_FOREIGN = {"google": re.compile(r"claude|.*-maas$")}
# Beginnings of names that end in the midst of a date or number.
_CUT = re.compile(r"[-.@_:]$|-(0|20\d\d)$")
# Names that the list knows by their beginnings alone.
_MEMBERS = {
    "gemma-3": ["gemma-3-1b-it", "gemma-3-4b-it", "gemma-3-12b-it", "gemma-3-27b-it"],
    "gemma-3n": ["gemma-3n-e2b-it", "gemma-3n-e4b-it"],
}
_NAME = re.compile(r"[!-~]{1,256}")


class SnapshotError(Exception):
    """The price list has something that the registry has no words for; the message says what."""


def provider_named(name: str) -> Provider:
    """A provider of the price list. :raises SnapshotError: there is none of that name."""
    for provider in get_snapshot().providers:
        if provider.id == name:
            return provider
    raise SnapshotError(f"genai-prices has no provider {name!r}")


def priced_models(provider: Provider, day: datetime.date) -> Iterator[dict[str, Any]]:
    """The fields of each model that is billed by tokens of text, without its abilities.

    :param day: whose prices are taken; later ones become `announced_prices`.
    """
    foreign = _FOREIGN.get(provider.id)
    for model in provider.models:
        prices = model.get_prices(_noon(day))
        if (foreign and foreign.match(model.id)) or not _is_billed_by_tokens(model, prices):
            continue
        yield {
            "model_name": model.id,
            "display_name": model.name or model.id,
            "model_aliases": aliases(model, provider),
            "max_input_tokens": model.context_window,
            **price_fields(prices, provider.id),
            "announced_prices": list(_announced(model, provider.id, day)) or None,
        }


def price_fields(prices: ModelPrice, provider: str) -> dict[str, Any]:
    """Prices by the registry's names.

    :raises SnapshotError: they have more than one threshold.
    """
    fields: dict[str, Any] = {}
    thresholds: set[int] = set()
    # No prices at all is what the list writes for what costs nothing.
    told = vars(prices) or {"input_mtok": Decimal(0), "output_mtok": Decimal(0)}
    for key, name in _field_names(provider).items():
        price = told.get(key)
        if isinstance(price, TieredPrices):
            if len(price.tiers) != 1:
                raise SnapshotError(f"{key} of {provider} has {len(price.tiers)} tiers")
            thresholds.add(price.tiers[0].start)
            fields[_long(name)] = float(price.tiers[0].price)
            price = price.base
        if price is not None:
            fields[f"dollars_per_million_tokens_{name}"] = float(price)
    if len(thresholds) > 1:
        raise SnapshotError(f"prices of {provider} have several thresholds: {thresholds}")
    if thresholds:
        fields["supports_long_context_pricing"] = True
        fields["long_context_threshold_tokens"] = thresholds.pop()
        # Past the threshold, these providers bill all tokens of a request at the higher price.
        fields["long_context_scope"] = "request"
    return fields


def aliases(model: ModelInfo, provider: Provider) -> list[str]:
    """Other names that the list knows the model by, in order."""
    texts = [*_texts(model.match), *_MEMBERS.get(model.id, ())]
    found = {text for text in texts if _NAME.fullmatch(text)}
    return sorted(
        text
        for text in found
        if text != model.id and not _CUT.search(text) and provider.find_model(text) is model
    )


def _field_names(provider: str) -> dict[str, str]:
    # Anthropic's caches have lifetimes; the others' have not, and they call it cached input.
    own = provider == "anthropic"
    return {
        "input_mtok": "input",
        "output_mtok": "output",
        "cache_read_mtok": "cache_read" if own else "cached_input",
        "cache_write_mtok": "cache_write_5m" if own else "cache_write",
        "cache_write_1h_mtok": "cache_write_1h",
    }


def _long(name: str) -> str:
    name = {"cached_input": "cache_read", "cache_write_5m": "cache_write"}.get(name, name)
    return f"dollars_per_million_tokens_{name}_long_context"


def _texts(clause: Any) -> Iterator[str]:
    if isinstance(clause, ClauseOr):
        for one in clause.or_:
            yield from _texts(one)
    elif isinstance(clause, ClauseEquals):
        yield clause.equals
    elif isinstance(clause, ClauseStartsWith):
        yield clause.starts_with
    elif isinstance(clause, ClauseContains):
        yield clause.contains
    elif isinstance(clause, ClauseEndsWith):
        yield clause.ends_with


def _announced(model: ModelInfo, provider: str, day: datetime.date) -> Iterator[dict[str, Any]]:
    for one in model.prices if isinstance(model.prices, list) else ():
        assert isinstance(one, ConditionalPrice), "a list of prices is of conditional ones"
        constraint = one.constraint
        if isinstance(constraint, StartDateConstraint) and constraint.start_date > day:
            prices = price_fields(one.prices, provider)
            if "long_context_threshold_tokens" in prices:
                raise SnapshotError(f"announced prices of {model.id} have a threshold")
            yield {"effective_date": constraint.start_date.isoformat(), **prices}


def _is_billed_by_tokens(model: ModelInfo, prices: ModelPrice) -> bool:
    if not vars(prices):
        return model.id.startswith("gemma")
    return "input_mtok" in vars(prices)


def _noon(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(12), datetime.UTC)
