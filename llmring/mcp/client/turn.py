"""A model's turn: its final answer, and the rounds of tools that led to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from llmring.schemas import LLMResponse, Message

#: Keys of usage that are of the whole turn, and no counts.
_STATUS, _COSTS = "cost_status", ("cost", "cost_breakdown")


class Turn(LLMResponse):
    """The final answer.

    Its fields are those of the last round, but for ``usage``, which sums all rounds (``cost`` is
    there where every round is priced, else ``cost_status`` is that of the first which is not), and
    ``attempts``, which lists those of all rounds, each with its ``round``, from 1.

    :param messages: what the turn adds to the conversation: calls and results of tools, and the
        answer as the last. To go on, put it behind the messages that were given.
    :param rounds: each answer of a model, in order; the last is the final one.
    :param round_limit_reached: the model wanted to go on calling tools after the last round, and
        was asked to answer without them.
    """

    messages: list[Message] = Field(default_factory=list)
    rounds: list[LLMResponse] = Field(default_factory=list, repr=False)
    round_limit_reached: bool = False

    @classmethod
    def of(
        cls, rounds: Sequence[LLMResponse], messages: Sequence[Message], *, limited: bool
    ) -> Turn:
        """The turn that the rounds make.

        :param rounds: at least one; the last is the final answer.
        """
        last = rounds[-1]
        fields = {name: getattr(last, name) for name in LLMResponse.model_fields}
        fields["usage"] = summed_usage([one.usage for one in rounds])
        fields["attempts"] = [
            {**attempt, "round": number}
            for number, one in enumerate(rounds, 1)
            for attempt in one.attempts
        ]
        return cls.model_construct(
            **fields, messages=list(messages), rounds=list(rounds), round_limit_reached=limited
        )


def summed_usage(usages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The usage of several calls together: numbers added up, in whatever depth.

    Costs are given where all calls are priced. Pure.
    """
    total: dict[str, Any] = {}
    for usage in usages:
        _add(total, usage)
    statuses = [usage[_STATUS] for usage in usages if _STATUS in usage]
    unpriced = [status for status in statuses if status != "priced"]
    if statuses:
        total[_STATUS] = unpriced[0] if unpriced else "priced"
    if unpriced or len(statuses) < len(usages):
        for name in _COSTS:
            total.pop(name, None)
    return total


def _add(total: dict[str, Any], counts: Mapping[str, Any]) -> None:
    for name, value in counts.items():
        if isinstance(value, Mapping):
            inner = total.setdefault(name, {})
            if isinstance(inner, dict):
                _add(inner, value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            before = total.get(name, 0)
            total[name] = before + value if isinstance(before, (int, float)) else value
        else:
            # No count, such as the tier of service: the last call's.
            total[name] = value
