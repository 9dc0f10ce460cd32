"""Which models are tried for an answer, and what became of it, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from llmring.lockfile.names import PROVIDER_KEYS

if TYPE_CHECKING:
    from llmring.service import LLMRing

Attempt = Mapping[str, Any]

#: The model that comes with llm-kit. It shows that all is connected, and knows next to nothing.
DEMONSTRATION = "local:tiny"
_ANSWERS = f"{DEMONSTRATION} answers, a demonstration model on this machine"


def demonstration_note(ring: LLMRing, model: str, profile: str | None) -> str | None:
    """That no other model than the demonstration will be asked, and why; None where one will be.

    :param model: what was asked for; the demonstration model itself needs no note.
    :raises LLMRingError: no such alias or profile, or none of its models can be asked.
    """
    found = ring.aliases.resolve(model, profile, ring.providers.is_available)
    if found.model != DEMONSTRATION or not found.pool.is_alias:
        return None
    if not ring.providers.keyed:
        *names, last = (variables[0] for variables in PROVIDER_KEYS.values())
        return (
            f"No provider key is set; {_ANSWERS}. For another one set {', '.join(names)} or "
            f"{last}, in the environment or in a file .env."
        )
    models = found.pool.models
    before = [one.partition(":")[0] for one in models[: models.index(DEMONSTRATION)]]
    lacking = dict.fromkeys(filter(None, map(ring.providers.why_unavailable, before)))
    reason = ", ".join(lacking) or f"Alias {model!r} lists it first"
    return f"{reason}; {_ANSWERS}."


def failure_note(attempts: Iterable[Attempt]) -> str | None:
    """That the demonstration model answers because others could not, and why; None where not so.

    :param attempts: those of `LLMResponse.attempts`.
    """
    *before, last = attempts
    asked = [one for one in before if one["outcome"] != "unavailable"]
    if last["model"] != DEMONSTRATION or not asked:
        return None
    return "\n".join([*attempt_lines(asked), f"{_ANSWERS}."])


def attempt_lines(attempts: Iterable[Attempt]) -> list[str]:
    """A line for each attempt."""
    return [_line(attempt) for attempt in attempts]


def _line(attempt: Attempt) -> str:
    seconds, reason = attempt.get("elapsed_s"), attempt.get("reason")
    after = "" if seconds is None else f" after {seconds:.2f} s"
    return f"{attempt['model']} {attempt['outcome']}{after}" + (f": {reason}" if reason else "")
