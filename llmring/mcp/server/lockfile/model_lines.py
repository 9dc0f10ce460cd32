"""What is known of models, in lines that a small model can read. Pure."""

from __future__ import annotations

from typing import Any

from llmring.registry import RegistryModel
from llmring.registry.schemas import ABILITIES

# What tells models apart; the rest nearly all can.
_TELLING = ("vision", "function_calling", "json_mode", "thinking")


def supports(model: RegistryModel, ability: str) -> bool | None:
    """Whether a model can do something; None where the registry does not say."""
    told: bool | None = getattr(model, f"supports_{ability}")
    return told


def abilities(model: RegistryModel) -> list[str]:
    """What the registry says that a model can do."""
    return [name for name in ABILITIES if supports(model, name)]


def line(ref: str, model: RegistryModel | None, problem: str | None = None) -> str:
    """A model in one line.

    :param ref: the name to call it by.
    :param model: what the registry says; None where it does not list it.
    :param problem: what its provider lacks; None where it is set up.
    """
    told = ["not in the registry"] if model is None else [price(model), *_limits(model)]
    if model is not None and not model.is_active:
        told.append("no longer served")
    return " | ".join([ref, *told, *(["not set up"] if problem else [])])


#: What prices and windows are counted in.
UNITS = "(prices for a million tokens; windows in tokens)"


def price(model: RegistryModel) -> str:
    """The prices; see `UNITS`."""
    prices = model.dollars_per_million_tokens_input, model.dollars_per_million_tokens_output
    if prices == (0, 0):
        return "free"
    if prices == (None, None):
        return "price not known"
    return "{} in, {} out".format(*map(dollars, prices))


def dollars(amount: float | None) -> str:
    """An amount of money; to the cent from a dollar on, else to two digits that count."""
    if amount is None:
        return "?"
    is_cents = amount >= 1 or round(amount, 2) == amount
    return f"${amount:,.2f}" if is_cents else f"${amount:.2g}"


def page(ref: str, model: RegistryModel, problem: str | None) -> str:
    """All that matters of a model, a fact a line."""
    names = abilities(model)
    cannot = [name for name in ABILITIES if supports(model, name) is False]
    told = [
        ("model", ref),
        ("title", model.display_name),
        ("about", model.description and model.description[:300]),
        ("price for a million tokens", price(model)),
        ("cached input", _each(model.prices_told["cost_per_million_cache_read"])),
        ("context window", _tokens(model.max_input_tokens) or "not told"),
        ("longest answer", _tokens(model.max_output_tokens)),
        ("dearer from", _tokens(model.threshold)),
        ("can do", ", ".join(names) or "not told"),
        ("cannot do", ", ".join(cannot)),
        ("reasons", "yes" if model.is_reasoning_model else None),
        ("deprecated", model.deprecated_date and str(model.deprecated_date)),
        ("served", None if model.is_active else "no longer"),
        ("provider", f"not set up: {problem}" if problem else "set up"),
    ]
    return "\n".join(f"{heading}: {text}" for heading, text in told if text)


def as_json(ref: str, model: RegistryModel | None, problem: str | None) -> dict[str, Any]:
    """As `line`, for programs."""
    if model is None:
        return {"model": ref, "listed": False, "is_set_up": problem is None}
    return {
        "model": ref,
        "listed": True,
        "is_set_up": problem is None,
        "dollars_per_million_input": model.dollars_per_million_tokens_input,
        "dollars_per_million_output": model.dollars_per_million_tokens_output,
        "max_input_tokens": model.max_input_tokens,
        "max_output_tokens": model.max_output_tokens,
        "capabilities": abilities(model),
        "is_active": model.is_active,
    }


def _limits(model: RegistryModel) -> list[str]:
    names = [name for name in _TELLING if supports(model, name)]
    window = f"window {model.max_input_tokens:,}" if model.max_input_tokens else ""
    return [one for one in (window, ", ".join(names)) if one]


def _tokens(count: int | None) -> str | None:
    return f"{count:,} tokens" if count else None


def _each(amount: float) -> str | None:
    return f"{dollars(amount)} for a million tokens" if amount else None
