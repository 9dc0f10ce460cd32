"""What a call costs: token counts times prices, summed without rounding.

Sums are of whole numbers, in millionths of a millionth of a millionth of a dollar, so that no order
of adding changes them; only the results are floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeGuard

from llmring.registry.schemas import RATE_UNITS, Rates, RegistryModel

CostStatus = Literal[
    "priced", "no_usage", "invalid_model_format", "model_not_in_registry", "no_pricing_in_registry"
]

#: Counts beyond it are cut to it: more tokens than any call can have, and no sum overflows.
_MAX_COUNT = 10**15
_UNITS_PER_DOLLAR = RATE_UNITS * 10**6

# What `cost_breakdown` tells, and by which name; all but the first two only when not zero.
_BREAKDOWN = (
    ("input", "input_cost"),
    ("output", "output_cost"),
    ("cache_read", "cache_read_cost"),
    ("cache_write_5m", "cache_write_cost_5m"),
    ("cache_write_1h", "cache_write_cost_1h"),
    ("cache_write_other", "cache_write_cost_other"),
    ("long_context_input", "long_context_input_cost"),
    ("reasoning", "reasoning_cost"),
)


# What usage has only where a cache or thoughts have tokens of their own, which most calls lack.
_FURTHER_COUNTS = frozenset(
    {
        "prompt_tokens_details", "completion_tokens_details", "cache_read_input_tokens",
        "cached_tokens", "cache_creation", "cache_creation_5m_tokens", "cache_creation_1h_tokens",
        "cache_creation_input_tokens", "reasoning_tokens",
    }
)  # fmt: skip


class Cost(NamedTuple):
    """What a call costs, or why that cannot be told.

    :param status: ``priced``, or why there is no price.
    :param costs: dollars by part, and the prices taken; None unless ``priced``.
    """

    status: CostStatus
    costs: dict[str, float] | None = None

    @property
    def total(self) -> float | None:
        """Dollars in all; None unless ``priced``."""
        return None if self.costs is None else self.costs["total_cost"]


class Tokens(NamedTuple):
    """How many tokens of each kind a call has; every token is of one kind.

    :param fresh: of the prompt, neither read from a cache nor written to it.
    :param output: of the answer, without those that the model thought.
    """

    fresh: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    cache_write_other: int
    output: int
    reasoning: int

    @property
    def prompt(self) -> int:
        """All tokens of the prompt."""
        return sum(self[:5])


def tokens_of(usage: Mapping[str, Any]) -> Tokens:
    """The tokens of a call by kind.

    What is no count (null, text, below zero) is 0, and parts never exceed the whole.

    :param usage: counts in OpenAI's words, where `prompt_tokens` are all tokens of the prompt, with
        Anthropic's `cache_creation_input_tokens` and `cache_creation`.
    """
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if _FURTHER_COUNTS.isdisjoint(usage):
        return Tokens(prompt, 0, 0, 0, 0, completion, 0)
    of_prompt = _mapping(usage.get("prompt_tokens_details"))
    read = (
        _count(usage.get("cache_read_input_tokens"))
        or _count(of_prompt.get("cached_tokens"))
        or _count(usage.get("cached_tokens"))
    )
    by_lifetime = _mapping(usage.get("cache_creation"))
    write_5m = _count(by_lifetime.get("ephemeral_5m_input_tokens")) or _count(
        usage.get("cache_creation_5m_tokens")
    )
    write_1h = _count(by_lifetime.get("ephemeral_1h_input_tokens")) or _count(
        usage.get("cache_creation_1h_tokens")
    )
    written = _count(usage.get("cache_creation_input_tokens")) or _count(
        of_prompt.get("cache_write_tokens")
    )
    of_completion = _mapping(usage.get("completion_tokens_details"))
    reasoning = _count(of_completion.get("reasoning_tokens")) or _count(
        usage.get("reasoning_tokens")
    )
    reasoning = min(reasoning, completion)
    other = max(written - write_5m - write_1h, 0)
    return Tokens(
        fresh=max(prompt - read - write_5m - write_1h - other, 0),
        cache_read=read,
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        cache_write_other=other,
        output=completion - reasoning,
        reasoning=reasoning,
    )


def has_counts(usage: Mapping[str, Any] | None) -> TypeGuard[Mapping[str, Any]]:
    """Whether `usage` tells token counts."""
    return usage is not None and ("prompt_tokens" in usage or "completion_tokens" in usage)


def cost(usage: Mapping[str, Any] | None, model: RegistryModel) -> Cost:
    """What a call of `model` costs.

    Fees that are not for tokens (searches, run code, storage of caches) are not in it, nor are the
    prices of tokens that are audio or images.

    :param usage: counts as `tokens_of` reads them; it is not changed.
    :return: with `costs` in dollars: ``input_cost`` (of which ``long_context_input_cost``),
        ``output_cost``, ``reasoning_cost`` (0 unless thinking has a price of its own, otherwise it
        is in ``output_cost``), ``cache_read_cost``, ``cache_write_cost_5m``, ``..._1h``,
        ``..._other``, ``total_cost``; and the prices as ``cost_per_million_…``.
    """
    if not has_counts(usage):
        return Cost("no_usage")
    tokens = tokens_of(usage)
    usual = model.rates
    is_long = model.threshold is not None and tokens.prompt > model.threshold
    whole = is_long and model.long_context_scope == "request"
    rates = model.long_rates if whole else usual
    n_long = 0
    if is_long:
        assert model.threshold is not None, "it is long beyond one"
        n_long = tokens.fresh if whole else max(tokens.fresh - model.threshold, 0)
    out = model.long_rates.output if is_long else usual.output
    parts = _parts(tokens, rates, n_long, model.long_rates.input, out)
    if parts is None or (usual.input is None and usual.output is None):
        return Cost("no_pricing_in_registry")
    total = sum(parts.values()) - parts["long_context_input_cost"]
    dollars = {name: units / _UNITS_PER_DOLLAR for name, units in parts.items()}
    dollars["total_cost"] = total / _UNITS_PER_DOLLAR
    return Cost("priced", {**dollars, **model.prices_told})


def usage_with_cost(usage: Mapping[str, Any] | None, cost: Cost) -> dict[str, Any]:
    """A copy of `usage` with `cost_status` and, when priced, `cost` and `cost_breakdown`."""
    told = {**(usage or {}), "cost_status": cost.status}
    if cost.costs is not None:
        costs = cost.costs
        told["cost"] = costs["total_cost"]
        told["cost_breakdown"] = {
            name: costs[key]
            for name, key in _BREAKDOWN
            if costs[key] or name in ("input", "output")
        }
    return told


def _parts(
    tokens: Tokens, rates: Rates, n_long: int, long_input: int | None, output: int | None
) -> dict[str, int] | None:
    """The cost of each kind of tokens, in units; None when a price that is needed is not known."""
    # Thinking is output unless it has a price of its own.
    thinking = output if rates.thinking is None else rates.thinking
    amounts = (
        (tokens.fresh - n_long, rates.input),
        (n_long, long_input),
        (tokens.cache_read, rates.cache_read),
        (tokens.cache_write_5m, rates.cache_write_5m),
        (tokens.cache_write_1h, rates.cache_write_1h),
        (tokens.cache_write_other, rates.cache_write),
        (tokens.output, output),
        (tokens.reasoning, thinking),
    )
    units = []
    for count, rate in amounts:
        if count and rate is None:
            return None
        units.append(count * (rate or 0))
    usual, long, read, write_5m, write_1h, other, answer, thought = units
    apart = rates.thinking is not None
    return {
        "input_cost": usual + long,
        "output_cost": answer if apart else answer + thought,
        "cache_read_cost": read,
        "cache_write_cost_5m": write_5m,
        "cache_write_cost_1h": write_1h,
        "cache_write_cost_other": other,
        "long_context_input_cost": long,
        "reasoning_cost": thought if apart else 0,
    }


def _count(value: Any) -> int:
    if type(value) is int:
        return 0 if value < 0 else min(value, _MAX_COUNT)
    if isinstance(value, float) and 0 < value < _MAX_COUNT:
        return int(value)
    return 0


def _mapping(value: Any) -> Mapping[str, Any]:
    # What is asked first costs a tenth of what is asked last.
    return value if type(value) is dict or isinstance(value, Mapping) else {}
