"""What a request says of the thoughts before an answer."""

from __future__ import annotations

from dataclasses import dataclass

from local_llm_kit.fields import MAX_TOKENS, Fields, invalid
from local_llm_kit.server.anthropic.reading import given

_KINDS = ("enabled", "adaptive", "between_tools", "disabled")
_MIN_BUDGET = 1024


@dataclass(frozen=True, slots=True)
class Thinking:
    """What becomes of thoughts.

    :param wanted: False keeps a model from thinking that would; None leaves it to the model.
    :param is_shown: whether what the model thinks is part of the answer.
    """

    wanted: bool | None = None
    is_shown: bool = True


def take_thinking(fields: Fields) -> Thinking:
    """Take `thinking`.

    Whether and how long a model thinks is its own way: it can be kept from it, not made to, and
    what asks for more than that is noted as ignored.

    :raises InvalidRequestError: names the field.
    """
    value = fields.take("thinking")
    if value is None:
        return Thinking()
    config = given("thinking", value, ("budget_tokens", "display", "block_binding"))
    kind, budget = config.get("type"), config.get("budget_tokens")
    if kind not in _KINDS:
        there = ", ".join(map(repr, _KINDS))
        raise invalid("thinking.type", f"thinking.type must be one of {there}")
    if kind == "enabled" and not (type(budget) is int and _MIN_BUDGET <= budget <= MAX_TOKENS):
        raise invalid("thinking.budget_tokens", "thinking.budget_tokens must be a whole number, "
                      f"at least {_MIN_BUDGET:,}")  # fmt: skip
    display = config.get("display", "summarized")
    if display not in ("summarized", "omitted"):
        raise invalid("thinking.display", "thinking.display must be 'summarized' or 'omitted'")
    if kind == "disabled":
        return Thinking(wanted=False, is_shown=False)
    fields.ignored.append("thinking")
    return Thinking(is_shown=display == "summarized")
