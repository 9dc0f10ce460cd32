"""The tools that show models, what they cost, and providers. They change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmring.exceptions import LockfileError, ToolError
from llmring.lockfile import load_package
from llmring.lockfile.names import listed, shown, split_reference, suggestion
from llmring.lockfile.pools import find_pool, profile_of
from llmring.mcp.server.lockfile import model_lines
from llmring.mcp.server.lockfile.bench import Answer, Bench
from llmring.mcp.server.lockfile.schemas import MAX_LISTED
from llmring.registry import RegistryModel
from llmring.registry.schemas import ABILITIES

_INPUT_TOKENS, _OUTPUT_TOKENS = 1_000_000, 200_000


def assess_model(bench: Bench, arguments: Mapping[str, Any]) -> Answer:
    """What a model costs and can do, or each of an alias."""
    ref, profile = arguments["model_ref"].strip(), arguments.get("profile")
    name, lockfile = bench.draft.profile_name(profile), bench.draft.lockfile
    providers = bench.models.providers.names
    reference = split_reference(ref)
    if reference is not None and reference[0] in providers:
        ref = bench.models.checked(ref)
        users = [one.alias for one in profile_of(lockfile, name).bindings if ref in one.models]
        used = f"used by: {', '.join(users) or 'no alias'} (profile {name})"
        return Answer(
            f"{_page(bench, ref, name)}\n{used}", {**_json(bench, ref, name), "used_by": users}
        )
    try:
        pool = find_pool(ref, name, lockfile, providers, load_package)
    except LockfileError as err:
        # It may have been meant for a model whose provider was left out.
        raise ToolError(f"{err.message}{bench.models.hint(ref)}", original=err) from err
    lines = [f"{ref} (profile {name}), the first choice first {model_lines.UNITS}:"]
    lines += [_line(bench, one, name) for one in pool.models]
    models = [_json(bench, one, name) for one in pool.models]
    return Answer("\n".join(lines), {"alias": ref, "profile": name, "models": models})


def analyze_costs(bench: Bench, arguments: Mapping[str, Any]) -> Answer:
    """What each alias of a profile costs a month."""
    name = bench.draft.profile_name(arguments.get("profile"))
    n_input = int(arguments.get("input_tokens", _INPUT_TOKENS))
    n_output = int(arguments.get("output_tokens", _OUTPUT_TOKENS))
    volume, tokens = (n_input, n_output), f"{n_input:,} tokens of prompts and {n_output:,} of"
    lines = [f"A month with {tokens} answers for each alias of profile {name}:"]
    told: dict[str, Any] = {}
    for binding in profile_of(bench.draft.lockfile, name).bindings:
        usable = _first_set_up(bench, binding.models)
        compared = [one for one in dict.fromkeys((usable, *binding.models[:1])) if one]
        amounts = {one: _cost(bench, one, volume, name) for one in compared}
        costs = [
            f"{_amount(total)} with {model}{'' if model == usable else ' once it is set up'}"
            for model, total in amounts.items()
        ]
        lines.append(f"{binding.alias}: {'; '.join(costs) or 'no models'}")
        total = amounts[usable] if usable else None
        told[binding.alias] = {"model": usable, "dollars": total}
    known = [one["dollars"] for one in told.values() if one["dollars"] is not None]
    lines.append(f"all together, as it is set up: {_amount(sum(known) if known else None)}")
    facts = {"profile": name, "input_tokens": n_input, "output_tokens": n_output}
    return Answer("\n".join(lines), {**facts, "aliases": told, "total_dollars": sum(known)})


def get_available_providers(bench: Bench, _: Mapping[str, Any]) -> Answer:
    """Which providers are set up."""
    catalog = bench.models.providers
    problems = {name: catalog.why_unavailable(name) for name in catalog.names}
    lines = [
        f"{name}: {'set up' if why is None else f'not set up: {why}'}"
        for name, why in problems.items()
    ]
    told = [
        {"name": name, "is_set_up": why is None, "problem": why} for name, why in problems.items()
    ]
    return Answer("\n".join(lines), {"providers": told})


def list_models(bench: Bench, arguments: Mapping[str, Any]) -> Answer:
    """The models of the registry."""
    with_old = arguments.get("include_inactive", False)
    found = bench.models.of(arguments.get("providers"), with_old=with_old)
    return _listed(bench, found, "name providers, or use filter_models_by_requirements")


def filter_models(bench: Bench, arguments: Mapping[str, Any]) -> Answer:
    """The models that meet requirements, and of which others that cannot be told."""
    wanted = arguments.get("required_capabilities", [])
    if unknown := next((one for one in wanted if one not in ABILITIES), None):
        known = list(ABILITIES)
        raise ToolError(
            f"unknown capability {shown(unknown)}; there are {listed(known)}"
            f"{suggestion(unknown, known)}"
        )
    fitting = [
        one
        for one in bench.models.of(arguments.get("providers"))
        if _is_within(one, arguments)
        and not any(model_lines.supports(one, ability) is False for ability in wanted)
    ]
    found = [one for one in fitting if all(model_lines.supports(one, a) for a in wanted)]
    # Usual models first, which are current ones, then cheap ones.
    found.sort(key=lambda one: (not bench.models.is_usual(one), _price(one)))
    answer = _listed(bench, found, "ask for more")
    # They are in the order of `of`: usual ones first.
    untold = [one.ref for one in fitting if one not in found]
    if not untold:
        return answer
    note = (
        f"Of {len(untold)} {'more ' if found else ''}models the registry does not say whether they "
        f"can: {listed(untold, 8)}"
    )
    return Answer(f"{answer.text}\n{note}", {**answer.structured, "not_told": untold[:MAX_LISTED]})


def get_model_details(bench: Bench, arguments: Mapping[str, Any]) -> Answer:
    """All that is known of models."""
    pages, told = [], []
    for ref in arguments["models"]:
        name = bench.models.checked(ref.strip())
        model = bench.models.find(name)
        pages.append(_page(bench, name))
        facts = {} if model is None else model.model_dump(mode="json", exclude_none=True)
        told.append({"model": name, "listed": model is not None, **facts})
    return Answer("\n\n".join(pages), {"models": told})


def _listed(bench: Bench, models: Sequence[RegistryModel], advice: str) -> Answer:
    shown_ones = models[:MAX_LISTED]
    lines = [model_lines.UNITS, *(_line(bench, one.ref) for one in shown_ones)]
    if not models:
        lines = ["no models fit"]
    if rest := len(models) - len(shown_ones):
        lines.append(f"{rest} more; {advice}")
    told = [_json(bench, one.ref) for one in shown_ones]
    return Answer("\n".join(lines), {"models": told, "total": len(models)})


def _line(bench: Bench, ref: str, profile: str | None = None) -> str:
    return model_lines.line(ref, bench.models.find(ref, profile), bench.models.problem(ref))


def _page(bench: Bench, ref: str, profile: str | None = None) -> str:
    found = bench.models.find(ref, profile)
    return (
        _line(bench, ref)
        if found is None
        else model_lines.page(ref, found, bench.models.problem(ref))
    )


def _json(bench: Bench, ref: str, profile: str | None = None) -> dict[str, Any]:
    found = bench.models.find(ref, profile)
    return model_lines.as_json(ref, found, bench.models.problem(ref))


def _first_set_up(bench: Bench, models: Sequence[str]) -> str | None:
    return next((one for one in models if bench.models.problem(one) is None), None)


def _cost(bench: Bench, ref: str, volume: tuple[int, int], profile: str) -> float | None:
    """Dollars; by the usual prices, for a month's tokens are those of many requests."""
    found = bench.models.find(ref, profile)
    if found is None or found.rates.input is None or found.rates.output is None:
        return None
    told, (n_input, n_output) = found.prices_told, volume
    dollars = told["cost_per_million_input"] * n_input + told["cost_per_million_output"] * n_output
    return dollars / 1e6


def _amount(total: float | None) -> str:
    return "price not known" if total is None else model_lines.dollars(total)


def _is_within(model: RegistryModel, limits: Mapping[str, Any]) -> bool:
    """Whether a model is within limits; one that does not tell is not."""
    window = limits.get("min_context", 0)
    if window and (model.max_input_tokens or 0) < window:
        return False
    prices = {
        "max_input_cost": model.dollars_per_million_tokens_input,
        "max_output_cost": model.dollars_per_million_tokens_output,
    }
    return not any(
        name in limits and (price is None or price > limits[name]) for name, price in prices.items()
    )


def _price(model: RegistryModel) -> float:
    prices = model.dollars_per_million_tokens_input, model.dollars_per_million_tokens_output
    return sum(one for one in prices if one is not None) if None not in prices else float("inf")
