"""The registry's JSON as pydantic models.

A registry is not ours: what it says is checked, and a price is a finite number that is not
negative. Fields that are not known are kept.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

#: Prices are exact in units of a millionth of a millionth of a dollar for a million tokens.
RATE_UNITS = 10**12
#: What the names of prices begin with.
PRICE_PREFIX = "dollars_per_million_tokens_"
#: Most dollars for a million tokens that are taken for a price.
MAX_PRICE = 1e6
#: Most tokens that are taken for a limit.
MAX_TOKENS = 10**12


def _day(value: Any) -> Any:
    # Some registries give a time where others give a day.
    return value[:10] if isinstance(value, str) else value


Price = Annotated[float, Field(strict=True, ge=0.0, le=MAX_PRICE, allow_inf_nan=False)]
Tokens = Annotated[int, Field(strict=True, ge=0, le=MAX_TOKENS)]
Day = Annotated[datetime.date, BeforeValidator(_day)]
Flag = Annotated[bool, Field(strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[!-~]+$")]


class Rates(NamedTuple):
    """Prices of a model in `RATE_UNITS`, for exact sums; None where there is none at all.

    Kinds of tokens that have no price of their own have that of what they are a kind of.
    """

    input: int | None
    output: int | None
    cache_read: int | None
    cache_write: int | None
    cache_write_5m: int | None
    cache_write_1h: int | None
    thinking: int | None


class _Prices(BaseModel):
    """Dollars for a million tokens; None where it is not known.

    :param dollars_per_million_tokens_cached_input: tokens read from the provider's cache, where
        `..._cache_read` says nothing.
    :param dollars_per_million_tokens_cache_write: tokens written to a cache that has no lifetimes.
    """

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        defer_build=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
    )

    dollars_per_million_tokens_input: Price | None = None
    dollars_per_million_tokens_output: Price | None = None
    dollars_per_million_tokens_cached_input: Price | None = None
    dollars_per_million_tokens_cache_read: Price | None = None
    dollars_per_million_tokens_cache_write: Price | None = None
    dollars_per_million_tokens_cache_write_5m: Price | None = None
    dollars_per_million_tokens_cache_write_1h: Price | None = None
    dollars_per_million_tokens_output_thinking: Price | None = None
    dollars_per_million_tokens_input_long_context: Price | None = None
    dollars_per_million_tokens_output_long_context: Price | None = None
    dollars_per_million_tokens_cache_read_long_context: Price | None = None
    dollars_per_million_tokens_cache_write_long_context: Price | None = None
    dollars_per_million_tokens_cache_write_1h_long_context: Price | None = None


class AnnouncedPrices(_Prices):
    """Prices that replace those of a model on a day to come.

    :param effective_date: the first day (UTC) on which they hold.
    """

    effective_date: Day


#: What models can do, by the names that a registry has behind ``supports_``, and in words.
ABILITIES = {
    "vision": "pictures",
    "function_calling": "tools",
    "parallel_tool_calls": "several tools at once",
    "json_mode": "JSON",
    "streaming": "streams",
    "caching": "caching",
    "thinking": "thinking",
    "temperature": "temperature",
}


class RegistryModel(_Prices):
    """A model: its names, limits, prices and abilities. None means that the registry does not say.

    :param provider: the provider's name, such as ``openai``.
    :param model_name: the model's name, as the provider has it.
    :param model_aliases: further names of the same model.
    :param max_input_tokens: most tokens of a prompt.
    :param max_output_tokens: most tokens of an answer.
    :param supports_long_context_pricing: whether requests beyond `long_context_threshold_tokens`
        have prices of their own.
    :param long_context_scope: what those prices are for: ``excess``, the tokens of the prompt
        beyond the threshold; ``request``, all tokens of a request whose prompt is beyond it, as
        OpenAI, Anthropic and Google bill.
    :param is_active: whether the provider still serves it.
    :param announced_prices: prices that are known to change, and when.
    """

    provider: Name
    model_name: Name
    display_name: str | None = Field(default=None, max_length=256)
    description: str | None = Field(default=None, max_length=8192)
    model_aliases: list[Name] = Field(default=[], max_length=256)
    max_input_tokens: Tokens | None = None
    max_output_tokens: Tokens | None = None
    supports_long_context_pricing: Flag | None = None
    long_context_threshold_tokens: Tokens | None = None
    long_context_scope: Literal["excess", "request"] = "excess"
    supports_vision: Flag | None = None
    supports_function_calling: Flag | None = None
    supports_json_mode: Flag | None = None
    supports_parallel_tool_calls: Flag | None = None
    supports_temperature: Flag | None = None
    supports_streaming: Flag | None = None
    supports_caching: Flag | None = None
    supports_thinking: Flag | None = None
    is_reasoning_model: Flag | None = None
    is_active: Flag = True
    added_date: Day | None = None
    deprecated_date: Day | None = None
    announced_prices: list[AnnouncedPrices] = Field(default=[], max_length=16)

    @property
    def ref(self) -> str:
        """``provider:model``."""
        return f"{self.provider}:{self.model_name}"

    def as_of(self, day: datetime.date) -> RegistryModel:
        """The model with the prices that hold on `day`."""
        due = [prices for prices in self.announced_prices if prices.effective_date <= day]
        if not due:
            return self
        newest = max(due, key=lambda prices: prices.effective_date)
        prices = {name: getattr(newest, name) for name in _Prices.model_fields}
        # A copy would take along the rates that were worked out from the old prices.
        return type(self).model_validate({**self.model_dump(), **prices})

    @cached_property
    def rates(self) -> Rates:
        """The prices for exact sums."""
        own = self._own_rates("")
        base = own["input"]
        written = _first(own["cache_write"], own["cache_write_5m"], own["cache_write_1h"], base)
        return Rates(
            input=base,
            output=own["output"],
            cache_read=_first(own["cache_read"], own["cached_input"], base),
            cache_write=written,
            cache_write_5m=_first(own["cache_write_5m"], own["cache_write"], base),
            cache_write_1h=_first(own["cache_write_1h"], written),
            thinking=own["output_thinking"],
        )

    @cached_property
    def prices_told(self) -> dict[str, float]:
        """The prices of usual requests in dollars, as a call's costs tell them; 0 for none."""
        rates, cached = self.rates, self.dollars_per_million_tokens_cached_input
        told = {
            "input": rates.input,
            "output": rates.output,
            "cached_input": _units(cached),
            "cache_read": rates.cache_read,
            "cache_write_5m": rates.cache_write_5m,
            "cache_write_1h": rates.cache_write_1h,
            "output_thinking": rates.thinking,
        }
        return {f"cost_per_million_{name}": (rate or 0) / RATE_UNITS for name, rate in told.items()}

    @cached_property
    def long_rates(self) -> Rates:
        """Those of requests beyond the threshold."""
        own, usual = self._own_rates("_long_context"), self.rates
        return Rates(
            input=_first(own["input"], usual.input),
            output=_first(own["output"], usual.output),
            cache_read=_first(own["cache_read"], usual.cache_read),
            cache_write=_first(own["cache_write"], usual.cache_write),
            cache_write_5m=_first(own["cache_write"], usual.cache_write_5m),
            cache_write_1h=_first(own["cache_write_1h"], usual.cache_write_1h),
            thinking=usual.thinking,
        )

    @cached_property
    def threshold(self) -> int | None:
        """Tokens of a prompt beyond which requests have prices of their own; None for no such."""
        # A threshold of 0 tokens is what some registries write for none.
        return (self.supports_long_context_pricing and self.long_context_threshold_tokens) or None

    def _own_rates(self, suffix: str) -> dict[str, int | None]:
        """The prices whose names end in `suffix`, by what is between."""
        return {
            name.removeprefix(PRICE_PREFIX).removesuffix(suffix): _units(getattr(self, name))
            for name in _Prices.model_fields
            if name.endswith(suffix)
        }


def _units(price: float | None) -> int | None:
    # The shortest decimal that reads as this float is the price as it was written.
    return None if price is None else round(Decimal(repr(price)) * RATE_UNITS)


def _first(*rates: int | None) -> int | None:
    return next((rate for rate in rates if rate is not None), None)
