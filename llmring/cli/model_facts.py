"""What the registry says of a model, in words and as JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmring.registry import RegistryModel


def price(dollars: float | None) -> str:
    """Dollars for a million tokens; a dash where they are not told."""
    if dollars is None:
        return "-"
    cents = f"{dollars:.2f}"
    return cents if dollars >= 0.01 and float(cents) == dollars else f"{dollars:g}"


def row(model: RegistryModel) -> tuple[str, ...]:
    """The cells of a model in a table; see `HEADINGS`."""
    return (
        model.ref,
        price(model.dollars_per_million_tokens_input),
        price(model.dollars_per_million_tokens_output),
        "-" if model.max_input_tokens is None else f"{model.max_input_tokens:,}",
    )


#: Prices are dollars for a million tokens.
HEADINGS = ("MODEL", "$/M IN", "$/M OUT", "WINDOW")


def as_json(model: RegistryModel) -> dict[str, Any]:
    """What the registry says, in its own words; what it does not say is left out."""
    said = model.model_dump(mode="json", exclude_none=True)
    return {"model": model.ref, **{name: value for name, value in said.items() if value != []}}


def facts(model: RegistryModel) -> list[tuple[str, str]]:
    """Headings and texts, for a page about a model; without those that have no text."""
    from llmring.registry.schemas import ABILITIES, PRICE_PREFIX

    prices = [
        (name.removeprefix(PRICE_PREFIX).replace("_", " "), value)
        for name in type(model).model_fields
        if name.startswith(PRICE_PREFIX) and (value := getattr(model, name)) is not None
    ]
    abilities = [words for name, words in ABILITIES.items() if getattr(model, f"supports_{name}")]
    announced = [
        f"from {one.effective_date}: {price(one.dollars_per_million_tokens_input)} in, "
        f"{price(one.dollars_per_million_tokens_output)} out"
        for one in model.announced_prices
    ]
    told = [
        ("model", model.ref),
        ("title", model.display_name),
        ("about", model.description),
        ("other names", ", ".join(model.model_aliases)),
        ("window", model.max_input_tokens and f"{model.max_input_tokens:,} tokens"),
        ("longest answer", model.max_output_tokens and f"{model.max_output_tokens:,} tokens"),
        *((f"$/M {name}", price(value)) for name, value in prices),
        *(("new prices", text) for text in announced),
        ("long from", model.threshold and f"{model.threshold:,} tokens"),
        ("can do", ", ".join(abilities)),
        ("reasons", "yes" if model.is_reasoning_model else None),
        ("since", model.added_date and str(model.added_date)),
        ("deprecated", model.deprecated_date and str(model.deprecated_date)),
        ("active", None if model.is_active else "no longer"),
    ]
    return [(heading, str(text)) for heading, text in told if text]
